"""What of an agent's speech was really heard, and when. Sans-I/O.

The axis is the seconds of speech that the caller's stream has put on the wire. All that came from
the agent so far ends at `heard + queued` on it; so an utterance is a stretch of the axis that ends
there when its text is final, or at `heard` when a barge-in cuts it. The beginnings of talkspurts
tell at what time of the call a place on the axis was heard.

    talkspurts  |.........|      |..................|      times of the call
    axis        0---------A------A------------------B
    utterances  [   0     ]      [     1     ][  2  ]
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

__all__ = ["Hearing", "Span"]

TALKSPURTS = 10_000
"""Beginnings of talkspurts that are kept; of older ones the times are forgotten."""
SPEECHES = 10_000
"""Utterances that are kept."""
FRAME_S = 0.02
"""A usual packet: a talkspurt is told of when its first one has been counted as heard."""
NEAR_S = 0.03
"""Places on the axis that are closer together are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When an utterance was heard, in seconds of the call, and how much of it."""

    began: float | None
    """None where nothing of it was heard."""
    until: float | None
    """Still to come where it is still being played."""
    heard_s: float
    said_s: float
    interrupted: bool


@dataclass(slots=True)
class _Speech:
    """A stretch of the axis; `said` is its end had nobody interrupted."""

    start: float
    ordinal: int | None = None
    end: float | None = None
    said: float = 0.0
    cut: bool = False


class Hearing:
    """Follows the agent's utterances by what is told of them, and where the playout was then."""

    def __init__(self) -> None:
        self._spurts: deque[tuple[float, float]] = deque(maxlen=TALKSPURTS)  # place, time
        self._speeches: list[_Speech] = []
        self._by_ordinal: dict[int, _Speech] = {}
        self._speaking = False

    def spurt(self, at: float, heard: float) -> None:
        """A talkspurt began on the wire at `at`; `heard` counts its first packet already."""
        place = max(self._spurts[-1][0] if self._spurts else 0.0, heard - FRAME_S)
        self._spurts.append((place, at))
        if not self._speaking:
            self._open(place)

    def speaks(self, heard: float) -> None:
        """The agent says that it begins to speak."""
        self._speaking = True
        self._open(heard)

    def word(self, ordinal: int, heard: float, queued: float) -> None:
        """Part of the text of an utterance came."""
        if ordinal in self._by_ordinal:
            return
        current = self._open(heard)
        if current.ordinal is not None:
            # The one before goes over into this one without a pause.
            current = self._begin(heard + queued)
        self._name(current, ordinal)

    def final(self, ordinal: int, heard: float, queued: float) -> None:
        """The text of an utterance is complete, or cut to what the agent's side takes as heard."""
        speech = self._by_ordinal.get(ordinal)
        if speech is None:
            waiting = [each for each in self._speeches if each.ordinal is None]
            speech = waiting[0] if waiting else self._begin(heard + queued)
            self._name(speech, ordinal)
        if not speech.cut:
            self._finish(speech, heard + queued)

    def pauses(self, heard: float, queued: float) -> None:
        """The agent says that it speaks no more: what came until now is what it said."""
        if self._speaking and self._speeches and not self._speeches[-1].cut:
            self._finish(self._speeches[-1], heard + queued)
        self._speaking = False

    def cut(self, heard: float, dropped: float) -> None:
        """A barge-in threw `dropped` seconds away that were queued."""
        self._speaking = False
        for speech in reversed(self._speeches):
            end = heard + dropped if speech.end is None else speech.end
            if speech.cut or end <= heard:
                break
            speech.said, speech.end, speech.cut = end, max(heard, speech.start), True

    def span(self, ordinal: int) -> Span | None:
        """What is known of an utterance so far; None for one that was not spoken."""
        speech = self._by_ordinal.get(ordinal)
        if speech is None or speech.end is None:
            return None
        heard_s = speech.end - speech.start
        began = self._time(speech.start, beginning=True) if heard_s else None
        until = self._time(speech.end, beginning=False) if heard_s else None
        if began is not None and until is not None and until < began:
            until = began + heard_s  # so short that its end is near the talkspurt before it
        return Span(
            began=began,
            until=until,
            heard_s=heard_s,
            said_s=max(speech.said, speech.end) - speech.start,
            interrupted=speech.cut,
        )

    def _open(self, heard: float) -> _Speech:
        """The utterance that is being said, or a new one."""
        if self._speeches and (last := self._speeches[-1]).end is None:
            return last
        return self._begin(heard)

    def _begin(self, place: float) -> _Speech:
        """A new utterance, from `place` on, or from the end of the one before it."""
        if self._speeches:
            last = self._speeches[-1]
            if last.end is None:
                last.end = max(last.start, place)
            place = max(place, last.end)
        speech = _Speech(start=place)
        self._speeches.append(speech)
        del self._speeches[:-8]  # enough for all that can be queued, or wait for their text
        return speech

    def _finish(self, speech: _Speech, end: float) -> None:
        if speech is self._speeches[-1]:
            speech.end = max(speech.start, end)

    def _name(self, speech: _Speech, ordinal: int) -> None:
        speech.ordinal = ordinal
        self._by_ordinal[ordinal] = speech
        if len(self._by_ordinal) > SPEECHES:
            del self._by_ordinal[next(iter(self._by_ordinal))]

    def _time(self, place: float, *, beginning: bool) -> float | None:
        """When a place of the axis was on the wire, as the talkspurt before it tells."""
        # A place between two talkspurts is the beginning of the later, or the end of the earlier.
        sought = place + NEAR_S if beginning else place - NEAR_S
        index = bisect_right(self._spurts, sought, key=lambda spurt: spurt[0]) - 1
        if index < 0:
            return None
        start, at = self._spurts[index]
        return at + max(0.0, place - start)
