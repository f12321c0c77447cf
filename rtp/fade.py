"""Speech cut off without a click: its last few milliseconds, faded out."""

import numpy as np

from rtp.codec import added

__all__ = ["faded", "laid_over", "led_over"]


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
