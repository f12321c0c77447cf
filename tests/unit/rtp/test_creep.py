"""What shows a feed that is about to run dry: beats, most of a window, held for it."""

from types import SimpleNamespace
from typing import cast

import pytest

from rtp.creep import Creep
from rtp.format import Format
from rtp.pacer import Pacer
from rtp.playout import Playout
from rtp.stats import StreamStats
from tests.support.tones import tone

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, ptime=20)
WINDOW = 128
PIECE = tone(1000.0, 0.020)


class Queue:
    """A queue that each beat empties, and how far past its nominal time that was."""

    def __init__(self) -> None:
        self.stats = StreamStats()
        self._lag_s = 0.0
        self._pacer = SimpleNamespace(slot=0, lag=lambda _: self._lag_s)
        self._playout = Playout(1 << 20)
        self.creep = Creep(PCMU, self._playout, cast("Pacer", self._pacer), stats=self.stats)

    def hold(self, frames: int) -> None:
        """So many more wait from now on."""
        for _ in range(frames):
            self._playout.push(PIECE)

    def beats(self, count: int, *, lag_s: float) -> None:
        self._lag_s = lag_s
        for _ in range(count):
            self._pacer.slot += 1
            self._playout.push(PIECE)
            self.creep.frame(0.0)


@pytest.mark.parametrize(("held", "lengthens"), [(60, False), (70, True)])
def test_most_beats_of_a_window_show_it(held: int, lengthens: bool) -> None:
    queue = Queue()
    queue.beats(WINDOW - held, lag_s=0.0)
    queue.beats(held, lag_s=0.004)
    queue.beats(20, lag_s=0.0)
    assert (queue.stats.stretched > 0) is lengthens


def test_those_of_the_window_before_do_not_count() -> None:
    queue = Queue()
    for _ in range(3):
        queue.beats(60, lag_s=0.004)
        queue.beats(WINDOW - 60, lag_s=0.0)
    assert queue.stats.stretched == 0


def test_those_of_the_talkspurt_before_do_not_count() -> None:
    queue = Queue()
    queue.beats(60, lag_s=0.004)
    queue.creep.begin()
    queue.beats(60, lag_s=0.004)
    queue.beats(30, lag_s=0.0)
    assert queue.stats.stretched == 0


def test_speech_is_made_shorter_only_once_what_waits_is_steady() -> None:
    queue = Queue()
    queue.beats(WINDOW, lag_s=0.0)
    for _ in range(4):  # deeper each time: an agent that speaks ahead of time
        queue.hold(2)
        queue.beats(WINDOW, lag_s=0.0)
    assert queue.stats.stretched == 0
    queue.beats(6 * WINDOW, lag_s=0.0)
    assert queue.stats.stretched > 0
