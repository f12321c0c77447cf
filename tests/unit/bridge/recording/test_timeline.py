import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.recording.timeline import TOLERANCE_S, Timeline

RATE = 8000
Samples = NDArray[np.int16]


def beeps(seconds: float, rate: float, count: int) -> Samples:
    """Silence with one loud sample each second of a clock of `rate`, `count` of them in all."""
    samples = np.zeros(round(seconds * rate) + 1, np.int16)
    samples[[round(number * rate) for number in range(count)]] = 1000
    return samples


def test_both_channels_lie_side_by_side() -> None:
    timeline = Timeline(RATE)
    timeline.add(np.full(80, 1, np.int16), np.full(100, 2, np.int16))
    assert timeline.take().tolist() == [[1, 2]] * 80
    timeline.add(np.full(40, 3, np.int16), np.full(10, 4, np.int16))
    assert timeline.take().tolist() == [[3, 2]] * 20 + [[3, 4]] * 10
    assert timeline.finish().tolist() == [[3, 0]] * 10
    assert timeline.finish().tolist() == []


@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_a_callers_clock_that_is_wrong_stays_within_a_syllable_for_an_hour(ppm: int) -> None:
    timeline, seconds = Timeline(RATE), 3600
    heard = beeps(seconds, RATE * (1 + ppm / 1e6), seconds)
    sent = beeps(seconds, RATE, seconds)
    taken, at = [], 0
    for second in range(1, seconds + 1):
        end = round(second * RATE * (1 + ppm / 1e6))
        timeline.add(heard[at:end], sent[(second - 1) * RATE : second * RATE])
        taken.append(timeline.take())
        at = end
    frames = np.concatenate([*taken, timeline.finish()])
    left, right = (np.flatnonzero(frames[:, channel]) for channel in (0, 1))
    assert len(right) == seconds
    assert len(left) >= seconds - timeline.corrections
    nearest = np.abs(left[:, None] - right[None, :]).min(axis=1)
    assert nearest.max() < 1.4 * TOLERANCE_S * RATE
    assert (timeline.corrections > 0) is (ppm != 0)


def test_jitter_of_the_network_is_no_drift() -> None:
    timeline, random, ahead = Timeline(RATE), np.random.default_rng(7), 0
    for _ in range(300):
        jitter = int(random.integers(-400, 400))
        timeline.add(np.zeros(RATE + jitter - ahead, np.int16), np.zeros(RATE, np.int16))
        timeline.take()
        ahead = jitter
    assert timeline.corrections == 0


def test_sound_comes_out_where_it_is_quiet() -> None:
    timeline = Timeline(RATE)
    for _ in range(7):
        heard = np.full(RATE + 80, 500, np.int16)
        heard[4000:4800] = 0
        timeline.add(heard, np.zeros(RATE, np.int16))
    frames = timeline.finish()
    assert timeline.corrections == 1
    assert int((frames[:, 0] != 0).sum()) == 7 * (RATE + 80 - 800)


def test_the_newest_sound_is_held_back_and_can_be_silenced() -> None:
    timeline = Timeline(RATE, hold_s=0.3)
    ones = np.ones(RATE, np.int16)
    timeline.add(ones, ones)
    assert len(timeline.take()) == RATE - 2400
    timeline.silence(0, -2000, -1000)
    timeline.silence(1, -100_000, -2400)
    rest = timeline.finish()
    assert rest[:, 0].tolist() == [1] * 400 + [0] * 1000 + [1] * 1000
    assert rest[:, 1].tolist() == [1] * 2400
