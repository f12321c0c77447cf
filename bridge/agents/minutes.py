"""What was said in a call, by whom and when, and how much of it was heard."""

from typing import Any, Protocol

from bridge.agents.hearing import Hearing, Span
from bridge.ultravox.messages import AgentState, Medium, Role, Transcript
from bridge.ultravox.transcript import UTTERANCES, Transcripts, Utterance

__all__ = ["Minutes", "Playing"]


class Playing(Protocol):
    """Where the call and the playout are now."""

    @property
    def age(self) -> float:
        """Seconds since the call began."""

    def playing(self) -> tuple[float, float]:
        """Seconds of speech that the caller was sent so far, and seconds that wait to be."""


class _Over:
    """A call that is over."""

    age = 0.0

    def playing(self) -> tuple[float, float]:
        return 0.0, 0.0


class Minutes:
    """Takes the transcript messages of one agent session, and what tells when things were said.

    The caller's words come as text alone: they begin and end where the line had speech.
    """

    def __init__(self, call: Playing) -> None:
        self._call: Playing = call
        self._hearing = Hearing()
        self._spans: dict[int, tuple[float | None, float]] = {}
        """When what the agent did not speak began and ended, by ordinal."""
        self.transcripts = Transcripts()

    def take(
        self, message: Transcript, *, caller_spoke: tuple[float, float] | None
    ) -> dict[str, Any] | None:
        """Take one message; returns the utterance when this completes or corrects it.

        `caller_spoke` is when the caller's latest utterance began and ended, in seconds of the
        call.
        """
        spoken = message.role is Role.AGENT and message.medium is Medium.VOICE
        if spoken and message.final:
            self._hearing.final(message.ordinal, *self._call.playing())
        elif spoken:
            self._hearing.word(message.ordinal, *self._call.playing())
        elif caller_spoke is not None:
            began, until = caller_spoke
            first, _ = self._spans.get(message.ordinal, caller_spoke)
            self._spans[message.ordinal] = (began if first is None else first, until)
        else:
            self._spans.setdefault(message.ordinal, (None, self._call.age))
        if len(self._spans) > UTTERANCES:
            del self._spans[next(iter(self._spans))]
        utterance = self.transcripts.add(message)
        return None if utterance is None else self._entry(utterance)

    def state(self, state: AgentState) -> None:
        """The agent's side says what it does."""
        heard, queued = self._call.playing()
        if state is AgentState.SPEAKING:
            self._hearing.speaks(heard)
        else:
            self._hearing.pauses(heard, queued)

    def speech_began(self, at: float) -> None:
        """The agent's speech reached the wire, `at` seconds into the call."""
        self._hearing.spurt(at, self._call.playing()[0])

    def cut(self, dropped_s: float) -> None:
        """A barge-in threw speech away."""
        self._hearing.cut(self._call.playing()[0], dropped_s)

    def close(self) -> None:
        """Nothing more is said: what there is can be read for as long as anybody likes."""
        self._call = _Over()

    def entries(self) -> list[dict[str, Any]]:
        """All utterances so far, in order, as the journal keeps them."""
        return [self._entry(each) for each in self.transcripts.utterances]

    def _entry(self, utterance: Utterance) -> dict[str, Any]:
        entry: dict[str, Any] = {"role": utterance.role, "text": utterance.text}
        if (span := self._hearing.span(utterance.ordinal)) is not None:
            entry |= _times(span)
        elif (known := self._spans.get(utterance.ordinal)) is not None:
            began, until = known
            entry |= {} if began is None else {"began": round(began, 2)}
            entry["until"] = round(until, 2)
        return entry


def _times(span: Span) -> dict[str, Any]:
    times: dict[str, Any] = {}
    if span.began is not None and span.until is not None:
        times = {"began": round(span.began, 2), "until": round(span.until, 2)}
    if span.interrupted:
        times |= {
            "interrupted": True,
            "heard_ms": round(span.heard_s * 1000),
            "said_ms": round(span.said_s * 1000),
        }
    return times
