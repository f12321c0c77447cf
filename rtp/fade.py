"""Speech that ends, begins or changes without a click, by fades of a few milliseconds."""

import numpy as np
import numpy.typing as npt

from rtp.codec import added

__all__ = ["begun", "ended", "faded", "laid_over", "led_over"]


def begun(pcm: bytes, size: int) -> bytes:
    """`pcm` (s16le mono), risen out of silence within `size` samples, in a raised cosine."""
    samples = np.frombuffer(pcm, dtype="<i2")
    size = min(size, len(samples))
    rising = np.rint(samples[:size] * _rise(size)).astype("<i2")
    return rising.tobytes() + pcm[2 * size :]


def ended(pcm: bytes, size: int, rest: int) -> bytes:
    """`pcm`, fallen silent within `size` samples before the last `rest`, in a raised cosine."""
    samples = np.frombuffer(pcm, dtype="<i2")
    rest = min(rest, len(samples))
    size = min(size, len(samples) - rest)
    start = len(samples) - rest - size
    falling = np.rint(samples[start : start + size] * _rise(size)[::-1]).astype("<i2")
    return pcm[: 2 * start] + falling.tobytes() + bytes(2 * rest)


def _rise(size: int) -> npt.NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(1, size + 1) / (size + 1))


def faded(pcm: bytes) -> bytes:
    """`pcm` (s16le mono) from full level down to nothing, in a straight line."""
    samples = np.frombuffer(pcm, dtype="<i2")
    slope = 1.0 - np.arange(1, len(samples) + 1) / (len(samples) + 1)
    fading: bytes = np.rint(samples * slope).astype("<i2").tobytes()
    return fading


def laid_over(pcm: bytes, fading: bytes) -> bytes:
    """`pcm` with `fading`, which is no longer, added to its beginning."""
    size = len(fading)
    return added(pcm[:size], fading) + pcm[size:]


def led_over(before: bytes, pcm: bytes) -> bytes:
    """`pcm`, faded in while `before`, which is no longer, fades out."""
    size = len(before)
    old, new = (np.frombuffer(each, dtype="<i2") for each in (before, pcm[:size]))
    slope = np.arange(1, len(old) + 1) / (len(old) + 1)
    joined: bytes = np.rint(old * (1.0 - slope) + new * slope).astype("<i2").tobytes()
    return joined + pcm[size:]
