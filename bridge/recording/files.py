"""Files of sound that are whole at any moment, because the process may be killed at any.

wav    the header's sizes are written anew after each piece of audio, never before it
flac   likewise the number of samples; its blocks stand for themselves
opus   Ogg pages stand for themselves, each about a second long
"""

import io
import os
import struct
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from bridge.recording.timeline import Frames

__all__ = ["FORMATS", "MONO", "STEREO", "Format", "RecordingFile", "coded_available", "open_file"]

Format = Literal["wav", "flac", "opus"]
FORMATS: tuple[Format, ...] = ("wav", "flac", "opus")

_WAV = struct.Struct("<4sI4s4sIHHIIHH4sI")
_LONGEST = 0xFFFFFFFF
_FLAC_BLOCK = 4096
"""Samples of a block as libsndfile makes them."""
_FLAC_SAMPLES_AT = 21
"""Offset of the byte that begins the 36 bits of the number of samples, in its low half."""
MONO, STEREO = 1, 2


class RecordingFile(Protocol):
    """A file that frames of its channels are appended to."""

    frames: int
    """Written so far."""

    @property
    def size(self) -> int:
        """Bytes on the disk."""

    def write(self, frames: Frames) -> None:
        """Append. Raises OSError where the disk refuses; what was written before stays whole."""

    def close(self) -> None:
        """Finish the file. Raises OSError as `write` does."""


def coded_available() -> bool:
    """Whether FLAC and Opus can be written here: they need the package soundfile."""
    try:
        import soundfile  # noqa: F401, PLC0415 -- an extra, and 0.1 s to load
    except (ImportError, OSError):
        return False
    return True


def open_file(path: Path, kind: Format, rate: int, *, channels: int = STEREO) -> RecordingFile:
    """Make a new file for sound of `rate` Hz. Raises OSError where there is one, or none can be."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        if kind == "wav":
            return WavFile(descriptor, rate, channels=channels)
        return CodedFile(descriptor, kind, rate, channels=channels)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise


class WavFile:
    """16-bit PCM."""

    def __init__(self, descriptor: int, rate: int, *, channels: int = STEREO) -> None:
        self._descriptor = descriptor
        self._rate = rate
        self._channels = channels
        self.frames = 0
        self._write_header()

    @property
    def size(self) -> int:
        return _WAV.size + 2 * self._channels * self.frames

    def write(self, frames: Frames) -> None:
        if not len(frames):
            return
        _write_all(self._descriptor, frames.astype("<i2").tobytes(), self.size)
        self.frames += len(frames)
        self._write_header()

    def close(self) -> None:
        os.close(self._descriptor)

    def _write_header(self) -> None:
        audio = self.size - _WAV.size
        width = 2 * self._channels
        header = _WAV.pack(
            *(b"RIFF", min(_LONGEST, audio + _WAV.size - 8), b"WAVE"),
            *(b"fmt ", 16, 1, self._channels, self._rate, width * self._rate, width, 16),
            *(b"data", min(_LONGEST, audio)),
        )
        _write_all(self._descriptor, header, 0)


class CodedFile:
    """FLAC or Ogg Opus, written by libsndfile."""

    def __init__(self, descriptor: int, kind: Format, rate: int, *, channels: int = STEREO) -> None:
        import soundfile  # noqa: PLC0415 -- see `coded_available`

        self._disk = _Disk(descriptor)
        self._flac = kind == "flac"
        self.frames = 0
        self._sound = soundfile.SoundFile(
            self._disk,
            "w",
            samplerate=rate,
            channels=channels,
            format="FLAC" if self._flac else "OGG",
            subtype="PCM_16" if self._flac else "OPUS",
        )
        self._raise_if_refused()

    @property
    def size(self) -> int:
        return self._disk.size

    def write(self, frames: Frames) -> None:
        if not len(frames):
            return
        try:
            self._sound.write(np.ascontiguousarray(frames))
        except (RuntimeError, AssertionError) as error:
            self._raise_if_refused()
            raise OSError(str(error)) from error
        self._raise_if_refused()
        self.frames += len(frames)
        if self._flac:
            self._write_samples()

    def close(self) -> None:
        try:
            self._sound.close()
        except RuntimeError as error:
            self._raise_if_refused()
            raise OSError(str(error)) from error
        finally:
            os.close(self._disk.descriptor)
        self._raise_if_refused()

    def _write_samples(self) -> None:
        """Say how many samples are there at least; none is said otherwise before the end."""
        blocks = max(0, self.frames // _FLAC_BLOCK - 1)
        number = struct.pack(">Q", blocks * _FLAC_BLOCK)[4:]
        _write_all(self._disk.descriptor, number, _FLAC_SAMPLES_AT + 1)

    def _raise_if_refused(self) -> None:
        if self._disk.refusal is not None:
            raise self._disk.refusal


class _Disk(io.RawIOBase):
    """A file for libsndfile, which cannot be told of an error by raising it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.refusal: OSError | None = None
        self.size = 0
        self._at = 0

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        if self.refusal is not None:
            return 0
        try:
            _write_all(self.descriptor, piece, self._at)
        except OSError as error:
            self.refusal = error
            return 0
        self._at += len(piece)
        self.size = max(self.size, self._at)
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, _: object) -> int:
        return 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
