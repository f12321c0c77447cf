import asyncio
import shutil

import numpy as np
import pytest

from bridge.ultravox.standin.speech import Samples, Speaker, resample, to_pcm, tones


def sine(frequency: float, rate: int, seconds: float = 1.0) -> Samples:
    time = np.arange(round(rate * seconds)) / rate
    return (8000 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def loudest(samples: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize("wanted", [8000, 16000, 24000, 48000])
def test_resampling_keeps_pitch_level_and_length(wanted: int) -> None:
    made = resample(sine(440.0, 22050), 22050, wanted)
    assert len(made) == wanted
    assert loudest(made, wanted) == pytest.approx(440.0, abs=1.0)
    assert float(np.sqrt(np.mean(made**2))) == pytest.approx(8000 / np.sqrt(2), rel=0.02)


def test_resampling_down_leaves_no_alias() -> None:
    made = resample(sine(6000.0, 22050), 22050, 8000)
    assert float(np.max(np.abs(made))) < 200


def test_pcm_is_clipped_not_wrapped() -> None:
    loud = np.array([40000.0, -40000.0], dtype=np.float32)
    assert np.frombuffer(to_pcm(loud), "<i2").tolist() == [32767, -32768]


def test_tones_pause_between_words() -> None:
    made = tones("aa aa")
    middle = made[len(made) // 2]
    assert middle == 0.0
    assert float(np.max(np.abs(made))) > 1000


async def test_tones_stand_in_where_there_is_no_voice() -> None:
    pcm = await Speaker(program=None).say("Hello.", 8000)
    assert len(pcm) / 16000 == pytest.approx(0.36, abs=0.01)


async def test_an_empty_text_is_a_moment_of_silence() -> None:
    pcm = await Speaker().say("", 8000)
    assert pcm == bytes(len(pcm))
    assert pcm


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
async def test_espeak_speaks_at_the_rate_asked_for() -> None:
    speaker = Speaker()
    low, high = await asyncio.gather(
        speaker.say("How can I help you?", 8000), speaker.say("How can I help you?", 16000)
    )
    assert len(high) == pytest.approx(2 * len(low), abs=4)
    assert len(low) / 16000 > 0.8


async def test_what_was_spoken_once_is_kept() -> None:
    speaker = Speaker(program=None)
    assert await speaker.say("Hello.", 8000) is await speaker.say("Hello.", 8000)


async def test_a_broken_voice_falls_back_to_tones() -> None:
    assert await Speaker(program="false").say("Hello.", 8000)
