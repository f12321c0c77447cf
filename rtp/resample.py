"""PCM from one sample rate to another, where a codec's rate and the agent's meet.

A polyphase low-pass filter with its history carried from frame to frame: no click at an edge,
and exactly as many samples out as the two rates say. It delays by a millisecond and a half.
"""

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

__all__ = ["Resampler"]

_TAPS = 24  # of each phase at the lower rate: 1.5 ms of filter on either side at 8 kHz
_KAISER_BETA = 8.0  # stop band 80 dB down, below 16-bit PCM's worst distortion of speech
_PASS = 0.92  # share of the lower rate's band that passes unharmed

Samples = NDArray[np.float32]


@lru_cache(maxsize=16)
def _phases(up: int, down: int) -> tuple[Samples, ...]:
    """The windowed-sinc low-pass for `up`/`down`, split in one filter for each output phase."""
    steepest = max(up, down)
    length = _TAPS * steepest
    cutoff = _PASS / (2 * steepest)
    at = np.arange(length) - (length - 1) / 2
    taps = np.sinc(2 * cutoff * at) * np.kaiser(length, _KAISER_BETA)
    taps *= up / taps.sum()
    padded = np.concatenate([taps, np.zeros(-length % up)])
    return tuple(np.ascontiguousarray(padded[phase::up], dtype=np.float32) for phase in range(up))


class Resampler:
    """Converts s16le mono PCM; one instance for one direction of one stream."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Rates in Hz, of which one is a multiple of the other. Raises ValueError otherwise."""
        common = gcd(from_rate, to_rate)
        self._up, self._down = to_rate // common, from_rate // common
        if min(self._up, self._down) != 1:
            raise ValueError(f"cannot convert {from_rate} Hz to {to_rate} Hz")
        self._phases = _phases(self._up, self._down)
        self._history = np.zeros(len(self._phases[0]) - 1, dtype=np.float32)

    def convert(self, pcm: bytes) -> bytes:
        """The same audio at the other rate.

        Going down, `pcm` must hold a whole number of output samples.
        """
        if not pcm:
            return b""
        came = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        signal = np.concatenate([self._history, came])
        self._history = signal[len(came) :]
        if self._up == 1:
            out = np.convolve(signal, self._phases[0], "valid")[:: self._down]
        else:
            out = np.empty(len(came) * self._up, dtype=np.float32)
            for phase, taps in enumerate(self._phases):
                out[phase :: self._up] = np.convolve(signal, taps, "valid")
        rounded: bytes = np.clip(np.rint(out), -32768, 32767).astype("<i2").tobytes()
        return rounded
