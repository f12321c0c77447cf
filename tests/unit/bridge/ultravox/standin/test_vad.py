import numpy as np
import pytest

from bridge.ultravox.standin.speech import resample, to_pcm, tones
from bridge.ultravox.standin.vad import Edge, VoiceActivity

RATES = [8000, 16000, 24000, 48000]


def voice(seconds: float, rate: int) -> bytes:
    samples = resample(tones("a" * 100), 16000, rate)
    return to_pcm(samples[: round(seconds * rate)])


def noise(seconds: float, rate: int, rms: float) -> bytes:
    generator = np.random.default_rng(seed=7)
    return to_pcm(generator.normal(0.0, rms, round(seconds * rate)).astype(np.float32))


def edges(activity: VoiceActivity, pcm: bytes) -> list[Edge]:
    return [edge for edge in activity.hear(pcm) if edge is not None]


@pytest.mark.parametrize("rate", RATES)
def test_a_turn_is_found_at_every_rate(rate: int) -> None:
    activity = VoiceActivity(sample_rate=rate)
    silence = bytes(2 * rate)
    assert edges(activity, silence + voice(1.0, rate) + silence) == [Edge.STARTED, Edge.STOPPED]
    assert activity.turn.length_s == pytest.approx(1.0, abs=0.07)


def test_frames_may_come_in_any_size() -> None:
    activity = VoiceActivity(sample_rate=8000)
    pcm = voice(1.0, 8000) + bytes(16000)
    found = [edge for at in range(0, len(pcm), 333) for edge in edges(activity, pcm[at : at + 333])]
    assert found == [Edge.STARTED, Edge.STOPPED]


def test_a_pause_shorter_than_the_endpoint_delay_does_not_end_the_turn() -> None:
    activity = VoiceActivity(sample_rate=8000, endpoint_s=0.384)
    pause = bytes(2 * 8 * 300)
    assert edges(activity, voice(0.5, 8000) + pause + voice(0.5, 8000)) == [Edge.STARTED]
    assert activity.turn.voiced_s < activity.turn.length_s


def test_line_noise_is_not_speech() -> None:
    assert edges(VoiceActivity(sample_rate=8000), noise(5.0, 8000, 100.0)) == []


def test_a_louder_background_is_learned_within_seconds() -> None:
    activity = VoiceActivity(sample_rate=8000)
    hum = noise(6.0, 8000, 400.0)
    assert edges(activity, hum) == [Edge.STARTED, Edge.STOPPED]
    assert edges(activity, voice(0.5, 8000))[0] is Edge.STARTED
