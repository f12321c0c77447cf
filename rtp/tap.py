"""Listening in on what really goes out, without a cost to streams on which nobody does.

The codec of a tapped stream is put in a wrapper that tells of each frame before it is encoded;
what is not told between two frames was silence, a digit as an event, or a slot left out.
"""

from collections.abc import Callable

from rtp.codec import Codec
from rtp.pacer import Pacer

__all__ = ["OnSent", "Tapped"]

OnSent = Callable[[int, bytes], None]
"""Told of audio that leaves: samples of silence before it, then its PCM, which may be empty."""


class Tapped:
    """A codec that tells which PCM went on the wire, and how much silence lay before it."""

    def __init__(
        self,
        codec: Codec,
        *,
        pacer: Pacer,
        samples: int,
        on_sent: OnSent,
        sending: Callable[[], bool],
    ) -> None:
        """`samples` are those of a slot; `sending` says whether packets leave at all."""
        self.codec = codec
        self.encode_silence = codec.encode_silence
        self.decode = codec.decode
        self._pacer = pacer
        self._samples = samples
        self._on_sent = on_sent
        self._sending = sending
        self._told = pacer.slot

    def encode(self, pcm: bytes) -> bytes:
        """The payload for one frame of s16le mono PCM."""
        if self._sending():
            slot = self._pacer.slot
            self._on_sent((slot - self._told - 1) * self._samples, pcm)
            self._told = slot
        return self.codec.encode(pcm)

    def overhear(self, pcm: bytes) -> None:
        """Tell of sound that leaves encoded by others, at its own pace and not in our slots."""
        self._on_sent(0, pcm)
        self._told = self._pacer.slot

    def settle(self) -> None:
        """Tell of the silence up to now."""
        slot = self._pacer.slot
        if slot > self._told:
            self._on_sent((slot - self._told) * self._samples, b"")
            self._told = slot
