"""A call as the stand-in keeps it: what the REST API shows, and whether its audio was continuous.

created ---> joined ---> ended          endReason: unjoined, hangup, agent_hangup, timeout,
    '--- joinTimeout ---^                          connection_error
"""

import asyncio
import datetime as dt
import logging
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.ultravox.messages import ClientMessage, Medium, Role, Transcript, Transcripts
from bridge.ultravox.standin.settings import Settings
from bridge.ultravox.standin.toolcall import ToolCall

log = logging.getLogger("bridge.ultravox.standin")

SLACK_S = 0.5
"""How far the caller's audio may run ahead of the clock or behind it before it counts as wrong;
half of that, before it counts as right again."""


@dataclass(slots=True)
class AudioMeter:
    """One second of audio per second, is it so? Fed with every frame that the client sends."""

    bytes_per_s: int
    began: float | None = None
    last: float = 0.0
    frames: int = 0
    size: int = 0
    odd: int = 0
    ahead_max_s: float = 0.0
    behind_max_s: float = 0.0
    overflows: int = 0
    underflows: int = 0
    _balance: int = 0

    def take(self, size: int, now: float) -> int:
        """Count a frame of `size` bytes; 1 or -1 when audio just became too much or too little."""
        if self.began is None:
            self.began = now
        self.last = now
        self.frames += 1
        self.size += size
        self.odd += size & 1
        lead = self.size / self.bytes_per_s - (now - self.began)
        self.ahead_max_s = max(self.ahead_max_s, lead)
        self.behind_max_s = max(self.behind_max_s, -lead)
        slack = SLACK_S / 2 if self._balance else SLACK_S
        balance = (lead > slack) - (lead < -slack)
        if balance == self._balance:
            return 0
        self._balance = balance
        self.overflows += balance == 1
        self.underflows += balance == -1
        return balance

    @property
    def audio_s(self) -> float:
        """Seconds of audio received."""
        return self.size / self.bytes_per_s

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first frame to the last."""
        return self.last - self.began if self.began is not None else 0.0


@dataclass(slots=True)
class StandinCall:
    """One call, from its creation on."""

    settings: Settings
    body: dict[str, Any]
    """As the client posted it."""
    on_ended: Callable[["StandinCall"], None] = field(repr=False)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    created: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    joined: dt.datetime | None = None
    ended: dt.datetime | None = None
    end_reason: str | None = None
    transcripts: Transcripts = field(default_factory=Transcripts)
    events: list[dict[str, Any]] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    """Text frames from the client, pings left out."""
    tools_used: list[ToolCall] = field(default_factory=list)
    interruptions: int = 0
    deliver: Callable[[ClientMessage], None] | None = field(default=None, repr=False)
    """Hands a message to the joined call's agent."""
    over: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the call has ended."""
    close_code: int | None = None
    """What the client's Close frame said, when it closed first."""
    audio: AudioMeter = field(init=False)

    def __post_init__(self) -> None:
        self.audio = AudioMeter(2 * self.settings.input_rate)

    def join(self) -> None:
        """The client opened the join URL."""
        self.joined = dt.datetime.now(dt.UTC)
        log.info("= call %s joined by %s", self.id, self.settings.agent.name)

    def end(self, reason: str) -> None:
        """The call is over; only the first reason counts."""
        if self.ended is not None:
            return
        self.ended = dt.datetime.now(dt.UTC)
        self.end_reason = reason
        self.deliver = None
        self.over.set()
        log.info(
            "= call %s ended: %s, %.1f s of audio in %.1f s",
            self.id,
            reason,
            self.audio.audio_s,
            self.audio.elapsed_s,
        )
        self.on_ended(self)

    def note(self, severity: str, kind: str, text: str) -> None:
        """Keep an event for GET /calls/{id}/events."""
        level = logging.WARNING if severity == "warning" else logging.INFO
        log.log(level, "= call %s %s: %s", self.id, kind, text)
        self.events.append(
            {
                "callId": self.id,
                "callTimestamp": f"{self.age_s:.3f}s",
                "severity": severity,
                "type": kind,
                "text": text,
                "wallClockTimestamp": dt.datetime.now(dt.UTC).isoformat(),
            }
        )

    @property
    def age_s(self) -> float:
        """Seconds since the join, to the end or to now."""
        if self.joined is None:
            return 0.0
        return ((self.ended or dt.datetime.now(dt.UTC)) - self.joined).total_seconds()

    def transcribe(self, message: Transcript) -> None:
        """Keep what was said."""
        self.transcripts.add(message)

    def resource(self, join_url: str | None) -> dict[str, Any]:
        """The Call object of the API; joinUrl only where it can still be joined."""
        agent = self.settings.agent
        kept = {key: value for key, value in self.body.items() if key != "sharedSecrets"}
        return {
            **kept,
            "callId": self.id,
            "created": _iso(self.created),
            "joined": _iso(self.joined),
            "ended": _iso(self.ended),
            "endReason": self.end_reason,
            "joinUrl": join_url,
            "joinTimeout": f"{self.settings.join_timeout_s:g}s",
            "maxDuration": f"{self.settings.max_duration_s:g}s",
            "agent": {"agentId": agent.id, "name": agent.name},
            "agentId": agent.id,
            "billedDuration": f"{-(-self.age_s // 6) * 6:g}s" if self.ended else None,
            "metadata": self.body.get("metadata") or {},
        }

    def messages(self) -> list[dict[str, Any]]:
        """The transcript as GET /calls/{id}/messages shows it."""
        roles = {Role.USER: "MESSAGE_ROLE_USER", Role.AGENT: "MESSAGE_ROLE_AGENT"}
        mediums = {Medium.VOICE: "MESSAGE_MEDIUM_VOICE", Medium.TEXT: "MESSAGE_MEDIUM_TEXT"}
        return [
            {
                "role": roles[said.role],
                "text": said.text,
                "medium": mediums[said.medium],
                "callStageMessageIndex": index,
            }
            for index, said in enumerate(self.transcripts.utterances)
        ]


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None
