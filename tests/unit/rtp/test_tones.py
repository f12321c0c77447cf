import wave
from pathlib import Path

import numpy as np
import pytest

from rtp.codec import codec_for
from rtp.dtmf import DIGITS, DigitSender
from rtp.format import Format
from rtp.tones import ToneReceiver, frame
from tests.support.tones import tone

SPEECH = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def audio(rate: int = 8000) -> Format:
    return Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=rate)


def keyed(digits: str, rate: int = 8000) -> bytes:
    """The digits as tones, silence between them."""
    sender, pcm = DigitSender(audio(rate)), b""
    sender.dial(digits)
    while sender.busy:
        part = sender.take(0)
        sounds = part is not None and part.sounding
        pcm += frame(part, audio(rate)) if part is not None and sounds else audio(rate).silence
    return pcm


def pair(
    low: float, high: float, seconds: float, *, level: float = 0.2, twist_db: float = 0.0
) -> bytes:
    """Two tones at once; `twist_db` says how much the high one is stronger."""
    weaker = level * 10 ** (-abs(twist_db) / 20)
    levels = (weaker, level) if twist_db > 0 else (level, weaker)
    lower = np.frombuffer(tone(low, seconds, level=levels[0]), "<i2")
    higher = np.frombuffer(tone(high, seconds, level=levels[1]), "<i2")
    pcm: bytes = (lower + higher).tobytes()
    return pcm


def listen(pcm: bytes, rate: int = 8000, *, size: int = 320) -> str:
    receiver = ToneReceiver(rate)
    return "".join(receiver.hear(pcm[at : at + size]) for at in range(0, len(pcm), size))


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_our_own_tones_are_heard_each_once(rate: int) -> None:
    assert listen(keyed(DIGITS + "1122", rate), rate, size=rate // 25) == DIGITS + "1122"


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_tones_survive_g711_and_noise(encoding: str) -> None:
    codec = codec_for(Format(encoding=encoding, payload_type=0, clock_rate=8000, sample_rate=8000))
    samples = np.frombuffer(keyed("0123456789*#"), "<i2").astype(float)
    noisy = samples * 0.3 + np.random.default_rng(5).normal(0, 130, len(samples))
    pcm = codec.decode(codec.encode(noisy.astype("<i2").tobytes()))
    assert listen(pcm) == "0123456789*#"


@pytest.mark.parametrize("size", [40, 160, 320, 960, 100_000])
def test_it_does_not_matter_how_the_audio_is_cut(size: int) -> None:
    assert listen(keyed("73*"), size=2 * size) == "73*"


@pytest.mark.parametrize("offset", range(0, 160, 20))
def test_a_tone_of_40_ms_counts_wherever_it_begins(offset: int) -> None:
    assert listen(bytes(2 * offset + 640) + pair(770, 1336, 0.040) + bytes(960)) == "5"


def test_a_tone_of_20_ms_does_not_count() -> None:
    assert listen(bytes(640) + pair(770, 1336, 0.020) + bytes(960)) == ""


def test_a_lost_frame_within_a_tone_does_not_make_two_digits() -> None:
    pcm = pair(852, 1477, 0.100) + bytes(320) + pair(852, 1477, 0.100) + bytes(960)
    assert listen(pcm) == "9"


def test_the_same_digit_after_a_pause_of_40_ms_is_another_digit() -> None:
    assert listen((pair(852, 1477, 0.060) + bytes(640)) * 3) == "999"


def test_one_digit_right_after_another_is_heard() -> None:
    assert listen(pair(697, 1209, 0.08) + pair(941, 1336, 0.08) + bytes(960)) == "10"


@pytest.mark.parametrize("off", [-0.015, 0.015])
def test_pitches_may_be_1_5_percent_off(off: float) -> None:
    off += 1
    for low in (697, 941):
        for high in (1209, 1633):
            assert len(listen(pair(low * off, high * off, 0.080) + bytes(960))) == 1


@pytest.mark.parametrize("off", [-0.04, 0.04])
def test_pitches_4_percent_off_are_no_digit(off: float) -> None:
    assert listen(pair(852 * (1 + off), 1477 * (1 + off), 0.2)) == ""


@pytest.mark.parametrize(("twist_db", "digits"), [(-6, "5"), (6, "5"), (-12, ""), (12, "")])
def test_one_tone_may_be_stronger_within_bounds(twist_db: float, digits: str) -> None:
    assert listen(pair(770, 1336, 0.1, twist_db=twist_db) + bytes(960)) == digits


@pytest.mark.parametrize("pitch", [350, 440, 697, 1000, 1336, 2100])
def test_a_single_tone_is_no_digit(pitch: float) -> None:
    assert listen(tone(pitch, 1.0)) == ""


def test_dial_and_busy_tones_and_noise_are_no_digits() -> None:
    noise = np.random.default_rng(7).normal(0, 5000, 8000).astype("<i2").tobytes()
    assert listen(pair(350, 440, 1.0) + pair(480, 620, 1.0) + noise) == ""


def test_a_digit_too_faint_to_be_meant_is_none() -> None:
    assert listen(pair(770, 1336, 0.2, level=0.002)) == ""


@pytest.mark.skipif(not SPEECH.exists(), reason="asterisk-core-sounds-en-wav is not installed")
def test_speech_is_never_taken_for_a_digit() -> None:
    """Every recording in one voice: 25 minutes."""
    seconds = 0.0
    for path in sorted(SPEECH.rglob("*.wav")):
        with wave.open(str(path)) as recording:
            pcm = recording.readframes(recording.getnframes())
        seconds += len(pcm) / 16000
        assert listen(pcm, size=16000) == "", path.name
    assert seconds > 600
