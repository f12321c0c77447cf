"""Where speech on its way to the wire is cut, or changes its codec: neither makes a click."""

from typing import Final

from rtp.fade import begun, ended, faded, laid_over

__all__ = ["Seam"]

_CUT_S: Final = 0.005  # of speech that is cut off: no click, and too short to be a sound
_FALL_S: Final = 0.008  # of the last frame before another codec
_STILL_S: Final = 0.0075  # of silence behind that: what a decoder still holds back then
_RISE_S: Final = 0.005  # of the first frame of another codec


class Seam:
    """What the next frame of s16le mono PCM needs lest it is heard that something was cut."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._tail = b""
        self.falls = False
        """The next frame is the last one before another codec,"""
        self.rises = False
        """or the first one of that."""

    @property
    def open(self) -> bool:
        """Whether the end of speech that was cut off is still to be laid over a frame."""
        return bool(self._tail)

    @property
    def tail_bytes(self) -> int:
        """How much of what would have come next `cut` takes."""
        return 2 * int(_CUT_S * self._rate)

    def cut(self, pcm: bytes) -> None:
        """Speech is cut off before `pcm`, which is to fade within the next frame."""
        self._tail = faded(pcm)

    def forget(self) -> None:
        """What was cut off is not to be heard: something else is, or has been."""
        self._tail = b""

    def begin(self) -> None:
        """A talkspurt begins, by itself."""
        self.rises = False

    def over(self, pcm: bytes) -> bytes:
        """A frame with the end of what was cut off in it."""
        tail, self._tail = self._tail, b""
        return laid_over(pcm, tail)

    def frame(self, pcm: bytes) -> bytes:
        """A frame of speech as it is to be encoded."""
        if self.falls:
            pcm = ended(pcm, int(_FALL_S * self._rate), int(_STILL_S * self._rate))
        elif self.rises:
            self.rises = False
            pcm = begun(pcm, int(_RISE_S * self._rate))
        return self.over(pcm) if self._tail else pcm
