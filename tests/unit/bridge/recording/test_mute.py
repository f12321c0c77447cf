import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.recording.mute import HOLD_S, Mute
from bridge.recording.timeline import Timeline
from tests.support.tones import tone

RATE = 8000
Samples = NDArray[np.int16]


def digit_tones(start_s: float, length_s: float, total_s: float) -> Samples:
    """A hum, with the tones of a 5 in it."""
    hum = np.frombuffer(tone(300, total_s, level=0.1), "<i2").astype(np.int32)
    pair = sum(
        np.frombuffer(tone(hertz, length_s, level=0.3), "<i2").astype(np.int32)
        for hertz in (770, 1336)
    )
    start = round(start_s * RATE)
    hum[start : start + len(np.atleast_1d(pair))] = pair
    return hum.astype(np.int16)


def muted(heard: Samples, sent: Samples, moments: list[int], batch_s: float = 1.0) -> Samples:
    timeline = Timeline(RATE, hold_s=HOLD_S)
    mute = Mute(timeline, RATE)
    parts, size = [], int(batch_s * RATE)
    for start in range(0, len(heard), size):
        left, right = heard[start : start + size], sent[start : start + size]
        timeline.add(left, right)
        mute.silence(left, right, [at - start for at in moments if start <= at < start + size])
        parts.append(timeline.take())
    return np.concatenate([*parts, timeline.finish()])


@pytest.mark.parametrize("start_s", [0.5, 0.93, 0.98, 1.0, 1.5, 2.9])
@pytest.mark.parametrize("channel", [0, 1])
def test_the_tones_of_a_digit_are_silenced_wherever_batches_end(
    start_s: float, channel: int
) -> None:
    loud, other = digit_tones(start_s, 0.1, 4.0), digit_tones(0, 0, 4.0)
    both = (loud, other) if channel == 0 else (other, loud)
    frames = muted(*both, [])
    assert len(frames) == 4 * RATE
    start, end = round(start_s * RATE), round((start_s + 0.1) * RATE)
    assert not frames[start:end, channel].any()
    assert (frames[:, 1 - channel] == other).all()
    assert int((frames[:, channel] == 0).sum()) < 0.6 * RATE


@pytest.mark.parametrize("at_s", [0.01, 0.5, 0.99, 1.0, 1.05, 2.0])
def test_the_moment_of_a_digit_is_silenced_before_and_after(at_s: float) -> None:
    hum = digit_tones(0, 0, 3.0)
    at = round(at_s * RATE)
    frames = muted(hum, hum, [at])
    assert not frames[max(0, at - 800) : at + 800, 0].any()
    assert (frames[:, 1] == hum).all()
    assert int((frames[:, 0] == 0).sum()) < 0.5 * RATE


def test_speech_is_left_alone() -> None:
    hum = digit_tones(0, 0, 3.0)
    assert (muted(hum, hum, [])[:, 0] == hum).all()
