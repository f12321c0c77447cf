import numpy as np
import pytest

from rtp.resample import Resampler
from tests.support.tones import strength, tone

PAIRS = [(8000, 16000), (16000, 8000), (8000, 48000), (48000, 8000), (16000, 48000)]


def in_frames(resampler: Resampler, pcm: bytes, rate: int) -> bytes:
    """Convert as a stream does, 20 ms at a time."""
    size = rate // 50 * 2
    return b"".join(resampler.convert(pcm[at : at + size]) for at in range(0, len(pcm), size))


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_a_tone_keeps_its_pitch_strength_and_length(from_rate: int, to_rate: int) -> None:
    pcm = tone(1000, 1.0, sample_rate=from_rate)
    out = in_frames(Resampler(from_rate, to_rate), pcm, from_rate)
    assert len(out) == 2 * to_rate
    settled = out[len(out) // 10 :]
    assert strength(settled, 1000, sample_rate=to_rate) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_frames_join_without_a_click(from_rate: int, to_rate: int) -> None:
    pcm = tone(440, 0.5, sample_rate=from_rate)
    whole = Resampler(from_rate, to_rate).convert(pcm)
    assert in_frames(Resampler(from_rate, to_rate), pcm, from_rate) == whole


def test_what_the_lower_rate_cannot_hold_is_filtered_out_not_folded_back() -> None:
    pcm = tone(5000, 0.5, sample_rate=16000)
    out = in_frames(Resampler(16000, 8000), pcm, 16000)
    assert strength(out[1600:], 3000) < 0.001


def test_full_scale_does_not_wrap_round() -> None:
    square = np.tile(np.repeat(np.array([32767, -32768], "<i2"), 8), 100).tobytes()
    out = np.frombuffer(Resampler(8000, 16000).convert(square), "<i2")
    steps = np.abs(np.diff(out.astype(int)))
    assert steps.max() < 60000


def test_rates_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="24000"):
        Resampler(16000, 24000)
