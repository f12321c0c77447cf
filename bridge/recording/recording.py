"""One recording in the making, on the recorder's thread: batches of sound in, a file out."""

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.recording.files import STEREO, Format, RecordingFile, open_file
from bridge.recording.mute import HOLD_S, Mute
from bridge.recording.timeline import Frames, Timeline

__all__ = ["Batch", "Kept", "Recording", "Result"]


class Result(StrEnum):
    """How a recording came out: a closed set, so that it can label a metric."""

    WHOLE = "whole"
    DISK_FULL = "disk-full"
    OVERFLOW = "overflow"
    """The disk was too slow: what came before is kept."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A recording that is over."""

    path: Path | None
    """None where not even a beginning could be kept."""
    duration_s: float
    bytes: int
    result: Result


@dataclass(slots=True)
class Batch:
    """About a second of both directions of a call."""

    heard: list[bytes] = field(default_factory=list)
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    """Samples of silence, then PCM."""
    moments: list[int] = field(default_factory=list)
    """Bytes of `heard` at which a digit was told."""


class Recording:
    """A file that grows batch by batch. Made anywhere, used on one thread only."""

    def __init__(
        self,
        paths: Iterator[Path],
        kind: Format,
        rate: int,
        *,
        mute: bool,
        channels: int = STEREO,
    ) -> None:
        """`paths` are where it may be kept, most wanted first; with `mute` digits are silenced.

        Of one channel there is what was heard, and of what was sent only the time.
        """
        self._paths = paths
        self._kind = kind
        self._rate = rate
        self._channels = channels
        self._timeline = Timeline(rate, hold_s=HOLD_S if mute else 0.0)
        self._mute = Mute(self._timeline, rate) if mute else None
        self._file: RecordingFile | None = None
        self._path: Path | None = None
        self.result = Result.WHOLE

    def open(self) -> Path:
        """Make the file. Raises OSError."""
        for path in self._paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                self._file = open_file(path, self._kind, self._rate, channels=self._channels)
                self._path = path
                return path
        raise FileExistsError(errno.EEXIST, "every name is taken")

    def add(self, batch: Batch) -> None:
        """Write down a batch. Raises OSError, after which the recording takes nothing more."""
        if self._file is None:
            return
        heard = np.frombuffer(b"".join(batch.heard), "<i2").astype(np.int16)
        sent = _laid_out(batch.sent)
        self._timeline.add(heard, sent)
        if self._mute is not None:
            self._mute.silence(heard, sent, [at // 2 for at in batch.moments])
        self._write(self._timeline.take())

    def close(self) -> Kept:
        """Finish the file. Never raises: what went wrong is in the result."""
        try:
            self._write(self._timeline.finish())
        except OSError as error:
            self.fail(error)
        file = self._file
        if file is None:
            return Kept(path=None, duration_s=0.0, bytes=0, result=self.result)
        try:
            file.close()
        except OSError as error:
            self.fail(error)
        return Kept(
            path=self._path,
            duration_s=file.frames / self._rate,
            bytes=file.size,
            result=self.result,
        )

    def fail(self, error: OSError) -> None:
        """Remember that the disk refused; the first reason stays."""
        if self.result is Result.WHOLE:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self.result = Result.DISK_FULL if full else Result.FAILED

    def _write(self, frames: Frames) -> None:
        if self._file is not None and self.result not in (Result.DISK_FULL, Result.FAILED):
            self._file.write(frames[:, : self._channels])


def _laid_out(pieces: list[tuple[int, bytes]]) -> NDArray[np.int16]:
    parts = []
    for silence, pcm in pieces:
        if silence:
            parts.append(bytes(2 * silence))
        parts.append(pcm)
    return np.frombuffer(b"".join(parts), "<i2").astype(np.int16)
