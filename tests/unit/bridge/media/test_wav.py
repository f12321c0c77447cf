import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.media.wav import BadSound, load, read
from tests.support.tones import strength, tone


def write(path: Path, pcm: bytes, *, rate: int, width: int = 2, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("ours", [8000, 16000, 48000])
def test_a_file_of_any_rate_has_its_pitch_and_its_length(
    tmp_path: Path, rate: int, ours: int
) -> None:
    file = write(tmp_path / "a.wav", tone(440, 1, sample_rate=rate), rate=rate)
    pcm = read(file, ours)
    assert len(pcm) // 2 == pytest.approx(ours, abs=2)
    assert strength(pcm, 440, sample_rate=ours) == pytest.approx(0.5, abs=0.02)


def test_what_the_lower_rate_cannot_carry_is_left_out_and_not_folded_back(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", tone(6000, 1, sample_rate=44100), rate=44100)
    samples = np.frombuffer(read(file, 8000), "<i2")
    assert np.abs(samples[200:-200]).max() < 100


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_sample_is_understood(tmp_path: Path, width: int) -> None:
    wide = np.frombuffer(tone(440, 1), "<i2").astype(np.int64) << 16
    if width == 1:
        raw = ((wide >> 24) + 128).astype("u1").tobytes()
    else:
        four = wide.astype("<i4").view("u1").reshape(-1, 4)
        raw = four[:, 4 - width :].tobytes()
    pcm = read(write(tmp_path / "a.wav", raw, rate=8000, width=width), 8000)
    assert strength(pcm, 440) == pytest.approx(0.5, abs=0.01)


def test_two_channels_become_one(tmp_path: Path) -> None:
    mono = np.frombuffer(tone(440, 1), "<i2")
    both = np.column_stack([mono, np.zeros_like(mono)]).tobytes()
    file = write(tmp_path / "a.wav", both, rate=8000, channels=2)
    assert strength(read(file, 8000), 440) == pytest.approx(0.25, abs=0.01)


async def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    for name, word in (("text.wav", "RIFF"), ("nowhere.wav", "No such file")):
        with pytest.raises(BadSound, match=f"{name} cannot be played: .*{word}"):
            await load(tmp_path / name, 8000)


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_of_a_file_that_is_cut_short_what_is_whole_is_played(tmp_path: Path, lost: int) -> None:
    file = write(tmp_path / "a.wav", b"\1\0" * 8, rate=8000, channels=2)
    file.write_bytes(file.read_bytes()[:-lost])
    assert read(file, 8000) == b"\1\0" * 3
