"""A sender whose clock is not ours: an hour of its speech goes up as it was spoken."""

import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rtp.format import Format
from rtp.stats import StreamStats
from rtp.uplink import Uplink

HOUR = 3600.0
PTIME = 0.040
PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, ptime=40)
PAYLOAD = bytes([0x90]) * 320


class Talk:
    """Steady speech by a clock that is `ppm` fast, over a network with jitter, packet by packet."""

    def __init__(self, *, ppm: float, jitter_s: float = 0.0, seed: int = 0) -> None:
        self.stats = StreamStats()
        self.heard_s = 0.0
        self._period = PTIME / (1 + ppm / 1e6)
        self._jitter_s = jitter_s
        self._spread = random.Random(seed)
        self.delay_s = 0.0
        self._number = 0
        self._arrival = 0.0
        self.uplink = Uplink(PCMU, on_pcm=self._hear, stats=self.stats, now=0.0)

    def _hear(self, pcm: bytes) -> None:
        self.heard_s += len(pcm) / 16000

    def go_on(self, seconds: float) -> float:
        """Say some more; returns how many seconds of audio were sent."""
        count = int(seconds / self._period)
        for _ in range(count):
            number, self._number = self._number, self._number + 1
            late = self._spread.random() * self._jitter_s
            arrival = max(self._arrival, number * self._period + self.delay_s + late)
            self.uplink.tick((arrival + self._arrival) / 2)
            self._arrival = arrival
            self.uplink.receive(
                number & 0xFFFF, number * 320 & 0xFFFFFFFF, 7, PAYLOAD, arrival, marker=False
            )
        return count * PTIME

    def stop(self, seconds: float) -> float:
        """Say nothing, while the leg's clock ticks; returns how much audio that made."""
        before = self.heard_s
        for beat in range(int(seconds / PTIME)):
            self.uplink.tick(self._arrival + beat * PTIME)
        return self.heard_s - before


@settings(max_examples=6, phases=[Phase.generate])  # an hour is slow to shrink
@given(
    ppm=st.floats(min_value=-200, max_value=200),
    jitter_s=st.floats(min_value=0.0, max_value=0.040),
    seed=st.integers(min_value=0, max_value=99),
)
def test_an_hour_of_another_clock_goes_up_as_it_was_spoken(
    ppm: float, jitter_s: float, seed: int
) -> None:
    talk = Talk(ppm=ppm, jitter_s=jitter_s, seed=seed)
    sent_s = talk.go_on(HOUR)
    assert talk.heard_s == pytest.approx(sent_s)
    assert talk.stats.filled == talk.stats.excess == talk.stats.late == 0


@pytest.mark.parametrize("ppm", [-200, 200])
def test_an_hour_later_a_silence_is_noticed_as_soon_as_at_first(ppm: float) -> None:
    fresh, old = Talk(ppm=ppm), Talk(ppm=ppm)
    fresh.go_on(30.0)
    old.go_on(HOUR)
    assert old.stop(1.0) == pytest.approx(fresh.stop(1.0), abs=PTIME)


def test_a_sender_of_twice_the_audio_is_still_bounded() -> None:
    talk = Talk(ppm=1_000_000)
    talk.go_on(60.0)
    assert talk.heard_s < 60.0 + 0.6
    assert talk.stats.excess > 1000


def test_paths_that_grow_longer_bit_by_bit_are_followed() -> None:
    talk = Talk(ppm=0)
    for _ in range(10):
        talk.delay_s += 0.020
        talk.go_on(60.0)
    assert talk.heard_s == pytest.approx(600.0, abs=PTIME)
    assert talk.stats.filled == 0
