"""WAV files as the PCM of a call: any rate and width, one channel or more."""

import asyncio
import contextlib
import wave
from collections.abc import Iterator
from functools import lru_cache
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["BadSound", "check", "load", "read"]

Samples = NDArray[np.float64]

LONGEST_S = 600.0
"""A longer file is cut: all of it is held in memory."""
_TAPS = 32  # of the low-pass on either side, in samples of the lower rate
_BLOCK = 4096  # outputs at once: what they are made of is held in memory for each
_WIDTHS = {1: "u1", 2: "<i2", 4: "<i4"}


class BadSound(ValueError):
    """The file cannot be played; the text says why."""


def check(path: Path) -> Path:
    """Return `path` as it is. Raises BadSound where it is no WAV file of PCM."""
    with _opened(path):
        return path


async def load(path: Path | str, rate: int) -> bytes:
    """The file's audio, s16le mono at `rate` Hz; read and converted in a thread, and kept.

    Raises BadSound.
    """
    return await asyncio.to_thread(_latest, Path(path), rate)


def read(path: Path, rate: int) -> bytes:
    """The same, here and now. Raises BadSound."""
    with _opened(path) as file:
        width, own = file.getsampwidth(), file.getframerate()
        raw = file.readframes(int(LONGEST_S * own))
        channels = file.getnchannels()
        whole = len(raw) - len(raw) % (channels * width)  # it may be cut short anywhere
    mono = _samples(raw[:whole], width).reshape(-1, channels).mean(axis=1)
    return _resample(mono, own, rate).clip(-32768, 32767).round().astype("<i2").tobytes()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[wave.Wave_read]:
    try:
        with wave.open(str(path), "rb") as file:
            yield file
    except (OSError, EOFError, wave.Error) as error:
        why = getattr(error, "strerror", None) or str(error) or "it is cut short"
        raise BadSound(f"{path} cannot be played: {why}") from error


def _latest(path: Path, rate: int) -> bytes:
    return _kept(path, rate, _changed(path))


@lru_cache(maxsize=32)
def _kept(path: Path, rate: int, _version: tuple[int, int]) -> bytes:
    return read(path, rate)


def _changed(path: Path) -> tuple[int, int]:
    """What tells one version of a file from another."""
    try:
        found = path.stat()
    except OSError as error:
        raise BadSound(f"{path} cannot be played: {error.strerror}") from error
    return found.st_mtime_ns, found.st_size


def _samples(raw: bytes, width: int) -> Samples:
    """PCM of any width as numbers in the range of 16 bits."""
    if width == 3:  # no numpy type has three bytes
        parts = np.frombuffer(raw, "u1").reshape(-1, 3).astype(np.int32)
        whole = (parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16) << 8
        return whole.astype(np.float64) / 65536
    samples = np.frombuffer(raw, _WIDTHS[width]).astype(np.float64)
    if width == 1:
        return (samples - 128) * 256
    return samples / 65536 if width == 4 else samples


def _resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """All of a file at another rate, by a windowed sinc at the lower of the two bands."""
    if from_rate == to_rate or not len(samples):
        return samples
    common = gcd(from_rate, to_rate)
    up, down = to_rate // common, from_rate // common
    cutoff = min(1.0, to_rate / from_rate) * 0.94
    reach = int(np.ceil(_TAPS / cutoff))
    count = len(samples) * up // down
    padded = np.concatenate([np.zeros(reach), samples, np.zeros(reach + 1)])
    out = np.empty(count)
    offsets = np.arange(-reach + 1, reach + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach)
    window = np.kaiser(2 * reach, 8.0)
    for phase in range(min(up, count)):  # outputs that lie alike between two inputs
        part = (phase * down % up) / up
        taps = cutoff * np.sinc(cutoff * (part - offsets)) * window
        taps /= taps.sum()
        for first in range(phase, count, up * _BLOCK):
            at = np.arange(first, min(count, first + up * _BLOCK), up)
            out[at] = windows[at * down // up + 1] @ taps
    return out
