"""How the stand-in's agent says something: speech, transcript and state messages. Sans-I/O.

say ---> thinking ---> (speech is made) ---> speaking ---> over        finish() is true once
                                                 '--- cut_short: clear, truncated transcript
"""

from typing import Protocol

from bridge.ultravox.messages import (
    AgentState,
    Medium,
    PlaybackClearBuffer,
    Role,
    ServerMessage,
    State,
    Transcript,
)
from bridge.ultravox.standin.agents import Say
from bridge.ultravox.standin.utterance import Utterance


class Wire(Protocol):
    """Where a conversation's effects go."""

    def audio(self, pcm: bytes) -> None: ...

    def message(self, message: ServerMessage) -> None: ...

    def synthesize(self, text: str) -> None:
        """Begin to make speech; it comes back through `Conversation.spoken`."""

    def close(self, end_reason: str) -> None: ...


class Mouth:
    """Says one thing at a time, by voice or in writing, and keeps the numbers of what was said."""

    def __init__(self, wire: Wire, *, medium: Medium, sample_rate: int, buffer_s: float) -> None:
        self._wire = wire
        self._sample_rate = sample_rate
        self._buffer_s = buffer_s
        self._awaited: Say | None = None
        self._utterance: Utterance | None = None
        self._ordinal = 0
        self.medium = medium
        """How the next text is said."""
        self.state = AgentState.IDLE

    @property
    def interruptible(self) -> bool:
        """Something is being said that the caller may talk over."""
        return self._utterance is not None and self._utterance.interruptible

    def change(self, state: AgentState) -> None:
        """Tell the client what the agent does now."""
        if state is not self.state:
            self.state = state
            self._wire.message(State(state=state))

    def say(self, say: Say) -> bool:
        """Begin; true when it is said already, being written."""
        if self.medium is Medium.TEXT:
            self.transcribe(Role.AGENT, Medium.TEXT, say.text)
            return True
        self.change(AgentState.THINKING)
        self._awaited = say
        self._wire.synthesize(say.text)
        return False

    def spoken(self, text: str, pcm: bytes) -> None:
        """The speech for `text` is ready; not wanted any more, it is dropped."""
        say = self._awaited
        if say is None or say.text != text:
            return
        self._awaited = None
        self._utterance = Utterance(
            text,
            pcm,
            ordinal=self._next_ordinal(),
            sample_rate=self._sample_rate,
            buffer_s=self._buffer_s,
            interruptible=say.interruptible,
        )
        self.change(AgentState.SPEAKING)

    def finish(self, now: float, *, once_sent: bool) -> bool:
        """Send what is due; true when all was heard, or with `once_sent` all is on the socket."""
        said = self._utterance
        if said is None:
            return False
        pcm = said.due(now)
        if pcm:
            self._wire.audio(pcm)
        words = said.words_due(now)
        if words:
            self._transcript(Role.AGENT, said.ordinal, Medium.VOICE, delta=words)
        if not (said.played(now) or (said.sent and once_sent)):
            return False
        self._utterance = None
        self._transcript(Role.AGENT, said.ordinal, Medium.VOICE, text=said.text)
        return True

    def cut_short(self, now: float) -> None:
        """Stop. What was not heard is cleared at the client and left out of the transcript."""
        said, self._utterance, self._awaited = self._utterance, None, None
        if said is None:
            return
        self._wire.message(PlaybackClearBuffer())
        heard = said.heard(now).rstrip()
        self._transcript(Role.AGENT, said.ordinal, Medium.VOICE, text=heard)

    def transcribe(self, role: Role, medium: Medium, text: str) -> None:
        """Report a whole utterance."""
        self._transcript(role, self._next_ordinal(), medium, text=text)

    def _next_ordinal(self) -> int:
        self._ordinal += 1
        return self._ordinal - 1

    def _transcript(
        self,
        role: Role,
        ordinal: int,
        medium: Medium,
        *,
        text: str | None = None,
        delta: str | None = None,
    ) -> None:
        self._wire.message(
            Transcript(
                role=role,
                medium=medium,
                text=text,
                delta=delta,
                final=text is not None,
                ordinal=ordinal,
            )
        )
