"""Marks in G.711 mu-law audio that say which frame of which caller a byte came from.

Every frame that a caller sends begins with a mark: one byte that occurs nowhere else, then five
that number the frame. What comes back is searched as a byte stream, so a frame is recognised
wherever the boundaries of the packets fall. It works because mu-law to linear and back is the
identity on every byte but 0x7f, the negative zero, which is never sent.

Callers talk and pause as people do. The marks are faint, below -44 dBFS, so that a pause with
marks in it still is one.
"""

import random

__all__ = ["FRAMES", "FRAME_BYTES", "SILENCE", "Finder", "frame", "frame_id"]

FRAME_BYTES = 160
"""20 ms of G.711."""
FRAMES = 1 << 14
"""Frame numbers of one caller before they begin again: 327 s of 20 ms."""
SILENCE = b"\xff"
"""What the bridge fills with when it has nothing to play."""
SPEECH_FRAMES, PAUSE_FRAMES = 60, 30
"""Frames of talk and of pause, in turn."""

_SYNC = b"\xfe"  # +8
_DIGITS = bytes([*range(0xEC, 0xFC), *range(0x6C, 0x7C)])  # +-32 to +-180, base 32
_BITS = 5
_SHIFTS = (20, 15, 10, 5, 0)
_MARK_BYTES = 1 + len(_SHIFTS)
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_NOISE = random.Random(7)
_LOUD = bytes(_NOISE.choices(range(0xA0, 0xE0), k=FRAME_BYTES - _MARK_BYTES))
_FAINT = bytes(_NOISE.choices(_DIGITS, k=FRAME_BYTES - _MARK_BYTES))


def frame_id(caller: int, number: int) -> int:
    """The identity of frame `number` of a caller, callers counted from 0 to 1023."""
    return caller * FRAMES + number % FRAMES


def frame(identity: int) -> bytes:
    """The payload that carries `identity`: one frame of mu-law."""
    digits = bytes([_DIGITS[identity >> shift & 31] for shift in _SHIFTS])
    pausing = identity % FRAMES % (SPEECH_FRAMES + PAUSE_FRAMES) >= SPEECH_FRAMES
    return _SYNC + digits + (_FAINT if pausing else _LOUD)


class Finder:
    """Finds the marks in one stream of mu-law audio, also those cut by a packet's end."""

    __slots__ = ("_cut", "_cut_at")

    def __init__(self) -> None:
        self._cut = b""
        self._cut_at = 0.0

    def feed(self, audio: bytes, at: float) -> list[tuple[int, float]]:
        """The identities in `audio`, which came at time `at`, with when their first byte came."""
        found: list[tuple[int, float]] = []
        kept = len(self._cut)
        if kept:
            audio = self._cut + audio
            self._cut = b""
        start = audio.find(_SYNC)
        while start >= 0:
            began = self._cut_at if start < kept else at
            mark = audio[start + 1 : start + _MARK_BYTES]
            if len(mark) < _MARK_BYTES - 1:
                self._cut, self._cut_at = audio[start:], began
                break
            identity = _read(mark)
            if identity is not None:
                found.append((identity, began))
            start = audio.find(_SYNC, start + 1)
        return found


def _read(digits: bytes) -> int | None:
    identity = 0
    for digit in digits:
        value = _VALUES.get(digit)
        if value is None:
            return None
        identity = identity << _BITS | value
    return identity
