"""An agent on a call: its session, the speech both ways, and what it says besides audio.

legs ──> hear ───> Session ──> agent      uplink
legs <── Speech <── Session <── agent     downlink, emptied by playback_clear_buffer
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from bridge.agents import tidings
from bridge.agents.agent import Agent
from bridge.agents.digit_words import DigitWords
from bridge.agents.greeting import GreetingGuard
from bridge.agents.invitation import Invitation
from bridge.agents.minutes import Minutes
from bridge.agents.on_call import OnCall
from bridge.agents.speech import Speech
from bridge.agents.turns import Turns
from bridge.agents.words import Words
from bridge.errors import NotNow
from bridge.facts import Facts
from bridge.media.patchbay import Take
from bridge.ultravox.close import Close
from bridge.ultravox.messages import (
    ClientToolInvocation,
    Medium,
    Message,
    PlaybackClearBuffer,
    Role,
    State,
    Transcript,
    Unknown,
)
from bridge.ultravox.session import Session

__all__ = ["Talk"]


class Talk(Words):
    """One agent session of a call, both a source and a sink, and the counts of what passes."""

    live = False
    steady = True

    def __init__(
        self,
        agent: Agent,
        call: OnCall,
        *,
        facts: Facts,
        rate: int,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        join_url: str | None = None,
    ) -> None:
        """`body` and `query` are laid over the agent's request; `join_url` stands instead of it."""
        self._clock = asyncio.get_running_loop().time
        self._call = call
        self._invitation = Invitation(
            agent, facts, rate=rate, body=body, query=query, join_url=join_url
        )
        self._digits = DigitWords(agent.config.dtmf)
        self.agent = agent
        self.rate = rate
        """Hz of the agent's audio, both ways."""
        self.session: Session | None = None
        self.ultravox_call_id = ""
        self.end_reason: str | None = None
        """Why Ultravox says that it ended, once that is known."""
        self._minutes = Minutes(self)
        self.transcripts = self._minutes.transcripts
        self.turns = Turns()
        self.barge_ins = 0
        self.dropped_ms = 0.0
        """Agent speech thrown away by barge-ins."""
        self.needed = True
        """Whether the call ends when it leaves."""
        self.speech = Speech(rate)
        """What it says, and whether that is held back."""
        guard_ms = agent.config.greeting_guard_ms
        self._guard = (
            GreetingGuard(self.hear, seconds=guard_ms / 1000, rate=rate) if guard_ms else None
        )

        def note(kind: str, **fields: Any) -> None:
            call.note(kind, **fields)  # a method itself would hold the call

        self.invocations = agent.bench.begin(call.controls, send=self._answer, note=note)
        """The tools that it uses."""

    # Its life.

    def reserve(self, *, ring_s: float = 0.0) -> None:
        """Begin to create the Ultravox call; `ring_s` is how long a phone may ring before."""
        self._invitation.reserve(ring_s=ring_s)

    @property
    def reserved(self) -> bool:
        """Whether its Ultravox call has been asked for."""
        return self._invitation.reserved

    async def created(self) -> None:
        """Wait for the Ultravox call. Raises AgentError."""
        self.ultravox_call_id = await self._invitation.created()

    async def join(self) -> Session:
        """Open the session. Raises AgentError."""
        await self.created()
        self.session = await self._invitation.join(on_audio=self.speech.say, on_message=self.obey)
        return self.session

    @property
    def here(self) -> bool:
        """Whether it is on the call."""
        return self.session is not None and not self.session.closed.done()

    async def ended(self) -> Close:
        """Wait until the agent's side has closed."""
        if self.session is None:
            raise NotNow("no agent is on the call")
        # Shielded: whoever waits for the end may be cancelled, the end itself may not.
        return await asyncio.shield(self.session.closed)

    async def release(self) -> None:
        """Leave the Ultravox call, joined or not."""
        self.invocations.close()
        await self._invitation.release()
        self.close()

    def close(self) -> None:
        """Let go of what would hold it: after its release, or where it was never reserved."""
        self.invocations.close()
        self._minutes.close()
        self._guard = None

    # Heard and hearing.

    def feed(self, take: Take | None) -> None:
        """Give what it says to `take` from now on."""
        self.speech.feed(take)

    def inlet(self, *, live: bool) -> Take:
        """Where audio for it goes."""
        return self.hear if self._guard is None else self._guard.hear

    def clear(self) -> float:
        """Drop what it has said and nobody heard; returns how many milliseconds that was.

        On the way to it nothing waits.
        """
        return self._call.clear(self)

    def withdraw(self) -> bytes:
        """Nothing waits on the way to an agent."""
        return b""

    def hear(self, pcm: bytes) -> None:
        """Take a frame of the caller's audio: the uplink's end."""
        session = self.session
        if session is not None:
            session.send_audio(pcm)
            self.turns.hear(pcm, self._clock())

    def begin(self) -> None:
        """Somebody listens now: play what the agent has said so far, and all that follows."""
        if self._guard is not None:
            self._guard.begin()
        self.speech.begin()

    def speech_began(self, at: float) -> None:
        """Its speech reached the wire at loop time `at`."""
        self._minutes.speech_began(self._of_call(at))
        if (latency := self.turns.agent_speaks(at)) is not None:
            self._call.note("turn", latency_ms=round(latency * 1000, 1))

    # What is said besides audio.

    def obey(self, message: Message | Unknown) -> None:
        """Do what a data message of the agent's side asks for."""
        match message:
            case PlaybackClearBuffer():
                self._barge_in()
            case Transcript():
                self._transcribe(message)
            case ClientToolInvocation():
                tidings.of_tool(self._call, self, message)
                self.invocations.take(message)
            case State(state=state):
                tidings.of_state(self._call, self, state)
                self._minutes.state(state)
            case _:
                pass

    def send(self, message: Message) -> None:
        """Send a data message. Raises NotNow where no agent has joined, or it has left."""
        if self.session is None or not self.here:
            raise NotNow("no agent is on the call")
        self.session.send(message)

    def tell_digits(self, digits: str) -> None:
        """Tell the agent what the caller has pressed, where it is to be told."""
        if (told := self._digits.told(digits)) is not None:
            self._answer(told)

    def _barge_in(self) -> None:
        if not self.speech.begun:
            self.speech.drop()
            return
        dropped_ms = self._call.clear(self)
        self._minutes.cut(dropped_ms / 1000)
        if dropped_ms:
            self.barge_ins += 1
            self.dropped_ms += dropped_ms
            self._call.note("barge-in", dropped_ms=round(dropped_ms))

    def _transcribe(self, message: Transcript) -> None:
        if self._digits.hide(message):
            return
        tidings.of_being_said(self._call, self, message)
        spoke = None
        if message.role is Role.USER and message.medium is Medium.VOICE:
            spoke = self.turns.utterance(over=message.final)
        spoken = None if spoke is None else (self._of_call(spoke[0]), self._of_call(spoke[1]))
        if (entry := self._minutes.take(message, caller_spoke=spoken)) is not None:
            tidings.of_said(self._call, self, entry)

    def _answer(self, message: Message) -> None:
        if self.session is not None:
            self.session.send(message)

    def transcript(self) -> list[dict[str, Any]]:
        """The utterances so far, in order, as the journal keeps them."""
        return self._minutes.entries()

    @property
    def age(self) -> float:
        """Seconds since the call began."""
        return self._call.age

    def playing(self) -> tuple[float, float]:
        """Seconds of speech that the caller was sent so far, and seconds that wait to be."""
        heard, queued = self._call.playing()
        return heard, queued + self.speech.held_s

    def _of_call(self, at: float) -> float:
        """A loop time in seconds of the call."""
        return self._call.age - (self._clock() - at)
