"""Digits as a pair of tones in the audio itself (ITU-T Q.23): made, and heard."""

import numpy as np
from numpy.typing import NDArray

from rtp.codec import loudness
from rtp.dtmf import DIGITS, Keyed
from rtp.format import Format

__all__ = ["ToneReceiver", "frame"]

Samples = NDArray[np.float32]

_LOW = (697, 770, 852, 941)
_HIGH = (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
_PAIRS = {
    key: (_LOW[row], _HIGH[column])
    for row, keys in enumerate(_KEYS)
    for column, key in enumerate(keys)
}
_LEVEL = 0.25 * 32767  # of each tone: -9 dBm0
_RAMP_S = 0.003  # at both ends of a tone, against clicks

_BLOCK_S = 0.01275  # looked at as a whole: 78 Hz wide, as far as neighbouring tones are apart
_OVERLAP = 2  # blocks over each moment
_FAINTEST = 200  # RMS of a block that may be a digit: -44 dBFS
_PURITY = 0.62  # share of a block's energy in its two tones; 1.5 % off pitch leaves 0.7
_TWIST = 6.4  # most that one tone may be stronger than the other: 8 dB (Q.24)
_HITS = 4  # blocks in a row that make a digit: within the 40 ms that Q.24 demands to be heard
_MISSES = 5  # blocks in a row that end it: a lost frame of 20 ms does not


def frame(keyed: Keyed, audio: Format) -> bytes:
    """One frame of the tones of a digit, s16le; it goes on where its last frame ended."""
    count = audio.samples
    at = keyed.frame * count + np.arange(count)
    low, high = _PAIRS[DIGITS[keyed.code]]
    wave = sum(np.sin(2 * np.pi * pitch / audio.sample_rate * at) for pitch in (low, high))
    ramp = np.minimum(1.0, np.arange(count) / (_RAMP_S * audio.sample_rate))
    if not keyed.frame:
        wave *= ramp
    if keyed.end:
        wave *= ramp[::-1]
    pcm: bytes = np.rint(_LEVEL * wave).astype("<i2").tobytes()
    return pcm


class ToneReceiver:
    """Hears the digits in continuous audio, each once. Sans I/O: PCM in, digits out.

    Meant for calls without telephone-event only: speech that has hardly anything but two of the
    right tones in it for 32 ms is a digit.
    """

    def __init__(self, sample_rate: int) -> None:
        """Listen to s16le mono PCM of so many samples a second."""
        self._block = round(_BLOCK_S * sample_rate)
        self._hop = self._block // _OVERLAP
        at = np.arange(self._block)[:, None] / sample_rate
        pitches = np.array(_LOW + _HIGH)[None, :]
        self._probes = np.exp(-2j * np.pi * at * pitches).astype(np.complex64)
        self._rest = b""
        self._digit = ""  # that sounds now
        self._likely = ""  # in the last blocks
        self._hits = 0
        self._misses = 0

    @property
    def sounding(self) -> bool:
        """Whether a digit sounds now."""
        return bool(self._digit)

    def hear(self, pcm: bytes) -> str:
        """The digits that have begun by the end of `pcm`; mostly none."""
        if not self._digit and not self._likely and loudness(pcm) < _FAINTEST:
            self._rest = b""
            return ""
        samples = np.frombuffer(self._rest + pcm, dtype="<i2").astype(np.float32)
        if len(samples) < self._block:
            self._rest += pcm
            return ""
        blocks = np.lib.stride_tricks.sliding_window_view(samples, self._block)[:: self._hop]
        self._rest = samples[len(blocks) * self._hop :].astype("<i2").tobytes()
        return "".join(self._follow(digit) for digit in self._digits(blocks))

    def _digits(self, blocks: Samples) -> list[str]:
        """The digit in each block, or "" where there is none."""
        energy = np.einsum("ij,ij->i", blocks, blocks)
        power = np.abs(blocks @ self._probes) ** 2
        rows, columns = power[:, :4].argmax(axis=1), power[:, 4:].argmax(axis=1)
        low, high = power[:, :4].max(axis=1), power[:, 4:].max(axis=1)
        clear = (
            (energy > _FAINTEST**2 * self._block)
            & (2 * (low + high) > _PURITY * self._block * energy)
            & (low < _TWIST * high)
            & (high < _TWIST * low)
        )
        return [
            _KEYS[row][column] if plain else ""
            for row, column, plain in zip(rows, columns, clear, strict=True)
        ]

    def _follow(self, digit: str) -> str:
        """Take the next block's digit; give it when it has lasted long enough to be one."""
        self._hits = self._hits + 1 if digit and digit == self._likely else int(bool(digit))
        self._likely = digit
        if digit == self._digit:
            self._misses = 0
            return ""
        self._misses += 1
        if self._hits >= _HITS:
            self._digit, self._misses = digit, 0
            return digit
        if self._misses >= _MISSES:
            self._digit, self._misses = "", 0
        return ""
