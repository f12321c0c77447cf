"""Comfort noise (RFC 3389): the room a caller is in, while they say nothing; the agent has none."""

from functools import cache
from math import ceil

import numpy as np
import numpy.typing as npt

__all__ = ["ComfortNoise", "Hush", "noise_level"]

_LOUDEST = 30  # -dBov; no room is louder than this, whatever a packet says
_QUIETEST = 90  # below one step of 16 bits
_BLOCK_S = 1.0  # of noise, again and again
_PAUSE_S = 0.100  # a gap in speech, and a feed that is late, are no end of it
_AGAIN_S = 0.400  # as DTX of Opus has it: a lost one is soon made good, and no NAT forgets us
_SILENT = bytes([127])  # -dBov, the least there is; without a spectrum


def noise_level(payload: bytes) -> int | None:
    """Level in -dBov from a packet's first octet (RFC 3389 section 3.1); None when it has none."""
    return max(_LOUDEST, payload[0] & 0x7F) if payload else None


class Hush:
    """What is sent while nothing is said (RFC 3389 section 4): a word about it now and then.

    First comes a moment of silence itself. Each slot without speech is asked about once, in order.
    """

    def __init__(self, frame_s: float) -> None:
        self._pause = ceil(_PAUSE_S / frame_s)
        self._again = round(_AGAIN_S / frame_s)
        self._began = self._told = -1

    def over(self) -> bool:
        """Something is to be heard again; whether receivers had been told of silence."""
        told = self._told >= 0
        self._began = self._told = -1
        return told

    def payload(self, slot: int) -> bytes | None:
        """Of a packet of comfort noise, empty for no packet; None where silence itself is sent."""
        if self._began < 0:
            self._began = slot
        if slot - self._began < self._pause:
            return None
        if self._told >= 0 and slot - self._told < self._again:
            return b""
        self._told = slot
        return _SILENT


class ComfortNoise:
    """White noise of one level. The spectrum some senders add to it is not followed."""

    def __init__(self, sample_rate: int, level: int) -> None:
        """Noise at `level` -dBov, where 0 is the power of a square wave at full scale."""
        self.level = level
        amplitude = 32768 * 10 ** (-level / 20) if level < _QUIETEST else 0.0
        noise = np.clip(np.rint(_unit_noise(sample_rate) * amplitude), -32768, 32767)
        self._pcm = noise.astype("<i2").tobytes()
        self._at = 0

    def take(self, samples: int) -> bytes:
        """The next `samples` of s16le PCM, less than a second of them."""
        if self._at + 2 * samples > len(self._pcm):
            self._at = 0
        start, self._at = self._at, self._at + 2 * samples
        return self._pcm[start : self._at]


@cache
def _unit_noise(sample_rate: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(3389).standard_normal(int(_BLOCK_S * sample_rate))
