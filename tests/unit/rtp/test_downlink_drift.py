"""Speech without a pause by a clock that is not ours: an hour of it leaves whole, and in time."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from rtp.codec import codec_for
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.packet import HEADER_LENGTH
from rtp.stats import StreamStats
from rtp.stretch import stretched
from tests.support.tones import tone

HOUR = 3600.0
PITCH = 1000.0
RATE = 8000


def audio(ptime: int) -> Format:
    return Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=RATE, ptime=ptime)


class Feed:
    """A tone without end in pieces of one frame, as a clock that is `ppm` fast would hand it on."""

    def __init__(self, *, ppm: float, ptime: int = 20, late_s: float = 0.0) -> None:
        form = audio(ptime)
        self.stats = StreamStats()
        self.downlink = Downlink(form, stats=self.stats, now=0.0)
        self.payloads: list[bytes] = []
        self.depths: list[float] = []
        self._fed = 0
        self._stalls: dict[int, float] = {}
        self.piece = tone(PITCH, ptime / 1000)  # whole periods, so that pieces join
        self._period = form.frame_s / (1 + ppm / 1e6)
        self._late = np.random.default_rng(7).uniform(0.0, late_s, int(HOUR / self._period) + 1)

    def go_on(self, seconds: float) -> None:
        downlink, period, late = self.downlink, self._period, self._late
        pacer, piece = downlink.pacer, self.piece
        fed = self._fed
        self._fed += int(seconds / period)
        for number in range(fed, self._fed):
            arrival = number * period + late[number]
            while pacer.wake < arrival:
                self._poll(pacer.wake)
            if downlink.play(piece):
                self._poll(arrival)
            self.depths.append(downlink.depth)

    def stand_still(self, slot: int, seconds: float) -> None:
        """Serve that slot so much later."""
        self._stalls[slot] = seconds

    def _poll(self, now: float) -> None:
        now += self._stalls.pop(self.downlink.pacer.slot + 1, 0.0)
        packet = self.downlink.poll(now)
        if packet is not None:
            self.payloads.append(packet[HEADER_LENGTH:])

    @property
    def heard(self) -> NDArray[np.float64]:
        """What the caller hears, from the first speech on."""
        codec = codec_for(audio(20))
        decoded = cache(codec.decode)
        silence = codec.encode_silence(len(self.piece) // 2)
        first = next(i for i, payload in enumerate(self.payloads) if payload != silence)
        pcm = b"".join(map(decoded, self.payloads[first:]))
        return np.frombuffer(pcm, "<i2").astype(np.float64)


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_an_hour_neither_grows_delay_nor_has_a_hole_nor_changes_pitch(ppm: float) -> None:
    feed = Feed(ppm=ppm)
    feed.go_on(HOUR)
    assert max(feed.depths) < 0.045
    assert feed.stats.talkspurts == 1
    assert feed.stats.shed == 0
    heard = feed.heard
    rises = np.flatnonzero((heard[:-1] < 0) & (heard[1:] >= 0))
    periods = np.diff(rises)
    assert {int(periods.min()), int(periods.max())} <= {7, 8, 9}  # no seam
    seconds = np.add.reduceat(
        np.ones(len(rises)), np.searchsorted(rises, np.arange(0, len(heard) - 5 * RATE, 5 * RATE))
    )
    cents = 1200 * np.log2(seconds[:-1] / 5 / PITCH)
    assert np.abs(cents).max() < 5
    assert len(rises) / (len(heard) / RATE) == pytest.approx(PITCH * (1 + ppm / 1e6), rel=2e-5)


@pytest.mark.parametrize("ptime", [10, 40, 60])
@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_frames_of_any_length_follow(ppm: float, ptime: int) -> None:
    feed = Feed(ppm=ppm, ptime=ptime)
    feed.go_on(900.0)
    assert feed.stats.talkspurts == 1
    assert feed.stats.stretched > 0
    assert max(feed.depths) < 0.005 + 2 * ptime / 1000


def test_a_feed_that_comes_on_time_is_left_as_it_is() -> None:
    feed = Feed(ppm=0.0)
    feed.go_on(300.0)
    assert feed.stats.stretched == feed.stats.shed == 0
    assert Counter(feed.payloads).most_common(1)[0][1] == len(feed.payloads)


@pytest.mark.parametrize("slot", [128, 1280])
def test_a_beat_that_we_serve_late_is_not_taken_for_a_slower_feed(slot: int) -> None:
    feed = Feed(ppm=0.0)
    for each in (slot - 1, slot, slot + 1):
        feed.stand_still(each, 0.006)
    feed.go_on(60.0)
    assert feed.stats.stretched == 0


def test_frames_are_made_longer_no_more_once_some_wait() -> None:
    feed = Feed(ppm=-200.0)
    while not feed.stats.stretched:
        feed.go_on(1.0)
    for _ in range(2):  # that a stall of ours held up
        feed.downlink.play(feed.piece)
    feed.go_on(30.0)  # enough to let them go, not to make another one first
    assert min(feed.depths[-50:]) < 0.010


@pytest.mark.parametrize("ppm", [-200.0, 0.0, 200.0])
def test_a_feed_with_jitter_follows_too(ppm: float) -> None:
    feed = Feed(ppm=ppm, late_s=0.006)
    feed.go_on(900.0)
    assert feed.stats.talkspurts <= 3
    assert max(feed.depths) < 0.065


@pytest.mark.parametrize("more", [-1, 1, 3])
def test_a_stretched_frame_is_its_tone_to_its_very_ends(more: int) -> None:
    at = np.arange(160 + more) * 2 * np.pi * 700 / RATE
    pcm = (8000 * np.sin(at)).astype("<i2").tobytes()
    made = np.frombuffer(stretched(pcm, 160), "<i2").astype(np.float64)
    expected = 8000 * np.sin(np.arange(160) * (160 + more) / 160 * 2 * np.pi * 700 / RATE)
    assert np.abs(made - expected).max() < 60
