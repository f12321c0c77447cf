import errno
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from bridge.recording.files import FORMATS, CodedFile, Format, WavFile, open_file
from bridge.recording.timeline import Frames
from tests.support.tones import strength

RATE = 8000

KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from bridge.recording.files import open_file
at = np.arange(8000) / 8000
second = np.stack([np.sin(2 * np.pi * hertz * at) for hertz in (440, 1000)], axis=1)
file = open_file(Path(sys.argv[1]), sys.argv[2], 8000)
for _ in range(10):
    file.write((8000 * second).astype(np.int16))
os.kill(os.getpid(), 9)
"""


def two_tones(seconds: float, rate: int = RATE) -> Frames:
    at = np.arange(round(seconds * rate)) / rate
    waves = [np.sin(2 * np.pi * hertz * at) for hertz in (440, 1000)]
    return (8000 * np.stack(waves, axis=1)).astype(np.int16)


def pitches(frames: Frames, rate: int) -> list[set[int]]:
    return [
        {
            hertz
            for hertz in (440, 1000)
            if strength(frames[:, channel].tobytes(), hertz, sample_rate=rate) > 0.05
        }
        for channel in (0, 1)
    ]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_closed_file_has_the_callers_sound_left_and_the_agents_right(
    tmp_path: Path, kind: Format, rate: int
) -> None:
    path = tmp_path / f"x.{kind}"
    file = open_file(path, kind, rate)
    for _ in range(4):
        file.write(two_tones(0.5, rate))
    file.close()
    assert file.frames == 2 * rate
    assert file.size == path.stat().st_size
    frames, read_rate = soundfile.read(path, dtype="int16")
    assert (read_rate, len(frames)) == (rate, 2 * rate)
    assert pitches(frames, rate) == [{440}, {1000}]


@pytest.mark.parametrize(("kind", "lost_s"), [("wav", 0.0), ("flac", 1.1), ("opus", 1.2)])
def test_a_file_whose_writer_was_killed_is_read_by_others_to_its_last_second(
    tmp_path: Path, kind: Format, lost_s: float
) -> None:
    path = tmp_path / f"x.{kind}"
    killed = subprocess.run([sys.executable, "-c", KILLED, path, kind], check=False)
    assert killed.returncode == -9
    frames, rate = soundfile.read(path, dtype="int16")
    assert 10 - lost_s <= len(frames) / rate <= 10
    assert pitches(frames, rate) == [{440}, {1000}]
    with av.open(path) as container:
        stream = container.streams.audio[0]
        decoded_s = sum(frame.samples for frame in container.decode(stream)) / stream.rate
    assert 10 - lost_s <= decoded_s <= 10


def test_a_wav_file_is_whole_after_each_piece(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    file = open_file(path, "wav", RATE)
    for count in range(1, 4):
        file.write(two_tones(0.25))
        assert len(soundfile.read(path)[0]) == count * RATE // 4
    file.close()


def test_a_wav_file_longer_than_its_header_can_say_says_the_most_it_can(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    file = open_file(path, "wav", RATE)
    file.frames = 1 << 30
    assert isinstance(file, WavFile)
    file._write_header()
    assert path.read_bytes()[4:8] == path.read_bytes()[40:44] == b"\xff\xff\xff\xff"
    file.close()


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        open_file(path, "wav", RATE)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_is_told_as_such(kind: Format) -> None:
    with pytest.raises(OSError) as caught:
        write_to_full_disk(kind)
    assert caught.value.errno == errno.ENOSPC


def write_to_full_disk(kind: Format) -> None:
    disk = os.open("/dev/full", os.O_WRONLY)
    file = WavFile(disk, RATE) if kind == "wav" else CodedFile(disk, kind, RATE)
    for _ in range(10):
        file.write(two_tones(1.0))
    file.close()
