"""The talk between caller and agent: audio both ways, and what the agent says besides audio.

caller ──> Stream ──> hear ──> Session ──> agent      uplink
caller <── Stream <── speak <── Session <── agent      downlink, emptied by playback_clear_buffer
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from bridge import tools
from bridge.agent_sections import DtmfConfig
from bridge.digits import DigitGatherer
from bridge.errors import NotNow
from bridge.keypad import DtmfWay, Keypad
from bridge.turns import Turns
from bridge.ultravox.messages import (
    ClientToolInvocation,
    Medium,
    Message,
    PlaybackClearBuffer,
    Role,
    State,
    Transcript,
    Unknown,
    Urgency,
    UserTextMessage,
)
from bridge.ultravox.session import Session
from bridge.ultravox.transcript import Transcripts
from rtp import Stream

__all__ = ["StreamOpener", "Talk"]

log = logging.getLogger("bridge.talk")

EARLY_SPEECH_CHUNKS = 3000
"""Pieces of agent speech held while the caller's phone has not confirmed the answer."""


class StreamOpener(Protocol):
    """Makes the caller's stream."""

    def __call__(
        self,
        *,
        on_pcm: Callable[[bytes], None],
        on_digit: Callable[[str], None],
        on_talkspurt: Callable[[float], None],
    ) -> Stream:
        """The stream, given where its audio goes, and who hears of digits and talkspurts."""


class Talk:
    """Joins one stream to one agent session and counts what passes.

    Who gave `open_stream` opens and closes the stream. `note` is called with the kind and the
    fields of each thing worth telling: a transcript, a barge-in, a tool, a turn.
    """

    def __init__(
        self,
        open_stream: StreamOpener,
        *,
        dtmf: DtmfConfig,
        dtmf_out: DtmfWay,
        note: Callable[..., None],
    ) -> None:
        self._clock = asyncio.get_running_loop().time
        self._note = note
        self._dtmf = dtmf
        self.stream = open_stream(
            on_pcm=self.hear, on_digit=self._digit_by_rtp, on_talkspurt=self._agent_speaks
        )
        self.keypad = Keypad(self.stream, way=dtmf_out)
        self.digits = DigitGatherer(pause_s=dtmf.pause_ms / 1000, tell=self._tell_digits)
        self._session: Session | None = None
        self._early_speech: list[bytes] | None = []
        self.transcripts = Transcripts()
        self.turns = Turns()
        self.barge_ins = 0
        self.dropped_ms = 0.0
        """Agent speech thrown away by barge-ins."""

    def join(self, session: Session) -> None:
        """Send the caller's audio to `session` from now on."""
        self._session = session

    def hear(self, pcm: bytes) -> None:
        """Take a frame of the caller's audio: the uplink's end."""
        session = self._session
        if session is not None:
            session.send_audio(pcm)
            self.turns.hear(pcm, self._clock())

    def speak(self, pcm: bytes) -> None:
        """Take a piece of the agent's speech: the downlink's beginning."""
        if self._early_speech is None:
            self.stream.play(pcm)
        elif len(self._early_speech) < EARLY_SPEECH_CHUNKS:
            self._early_speech.append(pcm)

    def begin(self) -> None:
        """The caller listens now: play what the agent has said so far, and all that follows."""
        early, self._early_speech = self._early_speech, None
        for pcm in early or ():
            self.stream.play(pcm)

    def obey(self, message: Message | Unknown) -> None:
        """Do what a data message of the agent's side asks for."""
        match message:
            case PlaybackClearBuffer():
                self._barge_in()
            case Transcript():
                self._transcribe(message)
            case ClientToolInvocation():
                self._use_tool(message)
            case State(state=state):
                log.debug("< agent is %s", state)
            case _:
                pass

    def press(self, digit: str) -> None:
        """Take a digit that came by SIP INFO."""
        self.digits.press(digit, way="info")

    def _digit_by_rtp(self, digit: str) -> None:
        self.digits.press(digit, way="rtp")

    def send_digits(self, digits: str) -> None:
        """Press digits for the other party.

        Raises ValueError when they are none or too many, NotNow before the answer.
        """
        if self._early_speech is not None:
            raise NotNow("the call has not been answered yet")
        self.keypad.press(digits)
        self._note_digits("digits-sent", digits)

    def tell(self, text: str, urgency: Urgency | None) -> None:
        """Tell the agent something as if the caller had. Raises NotNow where none has joined."""
        if self._session is None or self._session.closed.done():
            raise NotNow("no agent is on the call")
        self._session.send(UserTextMessage(text=text, urgency=urgency))

    def _tell_digits(self, digits: str) -> None:
        self._note_digits("digits", digits)
        if self._session is None or not self._dtmf.to_agent:
            return
        text = self._dtmf.text.replace("{digits}", digits)
        self._session.send(UserTextMessage(text=text, urgency=Urgency(self._dtmf.urgency)))

    def _note_digits(self, kind: str, digits: str) -> None:
        shown = {} if self._dtmf.hide else {"digits": digits}
        self._note(kind, count=len(digits), **shown)

    def _barge_in(self) -> None:
        if self._early_speech:
            self._early_speech.clear()
        dropped_ms = self.stream.clear()
        if dropped_ms:
            self.barge_ins += 1
            self.dropped_ms += dropped_ms
            self._note("barge-in", dropped_ms=round(dropped_ms))

    def _transcribe(self, message: Transcript) -> None:
        # What the agent is told of digits comes back as the caller's words, in writing.
        if self._dtmf.hide and message.role is Role.USER and message.medium is Medium.TEXT:
            return
        if (utterance := self.transcripts.add(message)) is not None:
            self._note("transcript", role=utterance.role, text=utterance.text)

    def _use_tool(self, invocation: ClientToolInvocation) -> None:
        self._note("tool", name=invocation.tool_name)
        if self._session is not None:
            self._session.send(tools.answer(invocation, send_digits=self.send_digits))

    def _agent_speaks(self, at: float) -> None:
        if (latency := self.turns.agent_speaks(at)) is not None:
            self._note("turn", latency_ms=round(latency * 1000, 1))

    def transcript(self) -> list[dict[str, Any]]:
        """The utterances so far, in order, as the journal keeps them."""
        return [{"role": each.role, "text": each.text} for each in self.transcripts.utterances]
