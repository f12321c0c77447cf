"""Two channels on one clock: what the caller said, left; what the caller heard, right.

The right channel comes slot by slot of what was sent, so it keeps our own clock. The left one is
as long as the caller's clock says; where the two come to differ by more than is heard, silence
goes in or a quiet stretch comes out.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frames", "Timeline"]

Frames = NDArray[np.int16]
"""Stereo samples, one row for each moment."""

TOLERANCE_S = 0.04
"""How far apart the channels may drift: less than a syllable."""
WINDOW = 7
"""Batches whose median tells drift from jitter."""
BLOCK_S = 0.01
"""What quietness is measured over, where a stretch has to come out."""


class Timeline:
    """Lays both channels side by side. Sans I/O: PCM in, stereo frames out.

    `hold_s` of the newest audio is kept back, so that it can still be silenced.
    """

    def __init__(self, rate: int, *, hold_s: float = 0.0) -> None:
        self._rate = rate
        self._hold = int(hold_s * rate)
        self._left = np.zeros(0, np.int16)
        self._right = np.zeros(0, np.int16)
        self._leads: deque[int] = deque(maxlen=WINDOW)
        self.corrections = 0
        """How often the left channel was shortened or filled."""

    def add(self, heard: NDArray[np.int16], sent: NDArray[np.int16]) -> None:
        """Take the next batch of both channels, which began and ended together."""
        self._left = np.concatenate([self._left, heard])
        self._right = np.concatenate([self._right, sent])
        self._leads.append(len(self._left) - len(self._right))
        if len(self._leads) == WINDOW:
            self._judge(int(np.median(self._leads)))

    def silence(self, channel: int, start: int, end: int) -> None:
        """Silence samples of a channel (0 left, 1 right), counted from the newest: -80 is 10 ms
        of telephone sound. What has been taken cannot be silenced any more.
        """
        samples = (self._left, self._right)[channel]
        size = len(samples)
        samples[max(0, size + start) : max(0, size + end)] = 0

    def take(self) -> Frames:
        """What both channels have, but for what is held back."""
        return self._cut(min(len(self._left), len(self._right)) - self._hold)

    def finish(self) -> Frames:
        """All that is left, the shorter channel filled with silence."""
        size = max(len(self._left), len(self._right))
        self._left = np.pad(self._left, (0, size - len(self._left)))
        self._right = np.pad(self._right, (0, size - len(self._right)))
        return self._cut(size)

    def _cut(self, count: int) -> Frames:
        count = max(0, count)
        frames = np.stack([self._left[:count], self._right[:count]], axis=1)
        self._left, self._right = self._left[count:], self._right[count:]
        return frames

    def _judge(self, lead: int) -> None:
        """Bring the left channel back when it has drifted by `lead` samples."""
        if abs(lead) < TOLERANCE_S * self._rate:
            return
        self.corrections += 1
        self._leads.clear()
        if lead > 0:
            at = self._quietest(min(lead, len(self._left)))
            self._left = np.concatenate([self._left[:at], self._left[at + lead :]])
        else:
            at = self._quietest(0)
            silence = np.zeros(-lead, np.int16)
            self._left = np.concatenate([self._left[:at], silence, self._left[at:]])

    def _quietest(self, length: int) -> int:
        """Where the quietest stretch of the left channel begins that is `length` samples long."""
        block = max(1, int(BLOCK_S * self._rate))
        width = max(1, length // block)
        count = len(self._left) // block
        if count <= width:
            return 0
        loud = np.abs(self._left[: count * block].astype(np.int32)).reshape(count, block).sum(1)
        sums = np.convolve(loud, np.ones(width, np.int64), "valid")
        return int(np.argmin(sums)) * block
