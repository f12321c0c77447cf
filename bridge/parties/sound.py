"""What a party says and hears, as the patchbay connects it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from bridge.media.gain import with_gain
from bridge.media.patchbay import Relaying, Take
from rtp import Stream

__all__ = ["LegSound", "StreamOpener"]

LIVE_S = 0.200
"""Speech of another leg queued at most: beyond it a frame is dropped, lest it stays as delay."""


class StreamOpener(Protocol):
    """Makes a party's stream."""

    def __call__(
        self,
        *,
        on_pcm: Callable[[bytes], None],
        on_digit: Callable[[str], None],
        on_talkspurt: Callable[[float], None],
    ) -> Stream:
        """The stream, given where its audio goes, and who hears of digits and talkspurts."""


class LegSound(Relaying):
    """One side of a `Party`, which has the rest: it is a source and a sink."""

    live = True
    steady = False

    def __init__(
        self,
        open_stream: StreamOpener,
        *,
        rate: int,
        gain_in_db: float,
        gain_out_db: float,
        on_digit: Callable[[str], None],
        on_talkspurt: Callable[[float], None],
    ) -> None:
        self.rate = rate
        """Hz of its PCM, both ways."""
        self.stream = open_stream(on_pcm=_nobody, on_digit=on_digit, on_talkspurt=on_talkspurt)
        self.playing: asyncio.Task[None] | None = None
        """A file that is played to it."""
        self.withheld = b""
        """Speech that goes on when the file is over."""
        self._aside: float | None = None  # seconds of speech heard when a file took its place
        self._other_s = 0.0  # seconds heard that were files
        self._gain_in_db = gain_in_db
        self._gain_out_db = gain_out_db

    def feed(self, take: Take | None) -> None:
        """Give what it says to `take` from now on."""
        self.stream.listen(_nobody if take is None else with_gain(take, self._gain_in_db))

    def relay(self, sink: Relaying | None, *, alone: bool) -> None:
        """Have another leg send its packets on, unless one of them is louder or quieter."""
        other = None
        if isinstance(sink, LegSound) and not self._gain_in_db and not sink._gain_out_db:
            other = sink.stream
        self.stream.relay(other, alone=alone)

    def inlet(self, *, live: bool) -> Take:
        """Where speech for it goes; of a live source no more than `LIVE_S` is queued."""
        stream = self.stream
        play = with_gain(stream.play, self._gain_out_db)
        if not live:
            return play

        def take(pcm: bytes) -> None:
            if stream.depth < LIVE_S:
                play(pcm)

        return take

    def clear(self) -> float:
        """Drop all speech that it has not heard; returns how many milliseconds that was."""
        return self.stream.clear()

    def withdraw(self) -> bytes:
        """Take back the speech that it has not heard."""
        return self.stream.withdraw()

    def set_aside(self) -> None:
        """Keep the speech that it has not heard, for a file takes its place."""
        heard_s, _ = self.spoken()
        self.withheld, self._aside = self.withdraw(), heard_s

    def take_up(self) -> bytes:
        """The speech that goes on, for the file is over and what was left of it dropped."""
        if self._aside is not None:
            self._other_s, self._aside = self.stream.heard - self._aside, None
        withheld, self.withheld = self.withheld, b""
        return withheld

    def spoken(self) -> tuple[float, float]:
        """Seconds of speech that it has heard so far, and seconds that wait to be; no file's."""
        if self._aside is not None:
            return self._aside, len(self.withheld) / (2 * self.rate)
        return self.stream.heard - self._other_s, self.stream.depth


def _nobody(_: bytes) -> None:
    """Where speech goes that nobody listens to."""
