"""A frame of PCM made of a sample more or less than it has: how a queue follows another clock.

A windowed sinc reads the frame between its samples. At both ends it reads the samples themselves,
so that the frame joins its neighbours without a seam.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["stretched"]

_TAPS = 16
_KAISER_BETA = 5.0  # 50 dB below what is read: less than G.711's own distortion


@lru_cache(maxsize=64)
def _reading(source: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Which of `source` samples make each of `target`, and by how much."""
    at = np.arange(target) * (source / target)
    first = np.floor(at).astype(np.intp) - _TAPS // 2 + 1
    taps = first[:, None] + np.arange(_TAPS)[None, :]
    away = at[:, None] - taps
    window = np.kaiser(2 * _TAPS * 64 + 1, _KAISER_BETA)
    centre = _TAPS * 64
    shape = window[np.clip(np.rint(away * 128).astype(np.intp) + centre, 0, 2 * centre)]
    weights = np.sinc(away) * shape
    weights /= weights.sum(axis=1, keepdims=True)
    return np.clip(taps, 0, source - 1), weights.astype(np.float32)


def stretched(pcm: bytes, samples: int) -> bytes:
    """`pcm` (s16le mono) as `samples`, a few more or fewer than it has."""
    came = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    taps, weights = _reading(len(came), samples)
    made = (came[taps] * weights).sum(axis=1)
    rounded: bytes = np.clip(np.rint(made), -32768, 32767).astype("<i2").tobytes()
    return rounded
