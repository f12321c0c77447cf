"""What was said in a call, put together from transcript messages. Sans-I/O."""

from dataclasses import dataclass

from bridge.ultravox.server_messages import Transcript
from bridge.ultravox.vocabulary import Medium, Role

UTTERANCES = 10_000
"""Kept of one session; the first ones are forgotten. Twelve a minute make a day of 17 000."""
TEXT_LIMIT = 100_000
"""Characters of one utterance; more is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One thing said, by one side. `ordinal` orders utterances across the call."""

    ordinal: int
    role: Role
    medium: Medium
    text: str
    final: bool


class Transcripts:
    """Utterances by ordinal: deltas appended, texts replaced.

    A final text is the whole truth of its utterance: it is shorter than the deltas before it when
    the caller interrupted. A final message may carry no text; the deltas then stand.
    """

    def __init__(self) -> None:
        self._utterances: dict[int, Utterance] = {}

    def add(self, message: Transcript) -> Utterance | None:
        """Take one message in; returns the utterance when this completes or corrects it."""
        known = self._utterances.get(message.ordinal)
        if known is not None and known.final and not message.final:
            return None
        text = message.text
        if text is None:
            text = (known.text if known else "") + (message.delta or "")
        utterance = Utterance(
            ordinal=message.ordinal,
            role=message.role,
            medium=message.medium,
            text=text[:TEXT_LIMIT],
            final=message.final,
        )
        self._utterances[message.ordinal] = utterance
        if len(self._utterances) > UTTERANCES:
            del self._utterances[next(iter(self._utterances))]
        return utterance if message.final and utterance != known else None

    @property
    def utterances(self) -> list[Utterance]:
        """All of them in the order of the conversation, unfinished ones included."""
        return [self._utterances[ordinal] for ordinal in sorted(self._utterances)]
