"""Frames on their way to the wire made payloads, and told to whoever listens in on them.

    frame --> tap: who listens in --> codec --> payload

What is not told between two frames was silence, a digit as an event, or a slot left out.
"""

import contextlib
from collections.abc import Callable, Iterable

from rtp.codec import codec_for
from rtp.format import Format
from rtp.opus import Opus
from rtp.pacer import Pacer

__all__ = ["Encoder", "OnSent"]

OnSent = Callable[[int, bytes], None]
"""Told of audio that leaves: samples of silence before it, then its PCM, which may be empty."""


class Encoder:
    """The codec of one stream's way out, and its tap; slots are those of the pacer."""

    def __init__(self, audio: Format, pacer: Pacer) -> None:
        self._codec = codec_for(audio)
        self._on_sent: OnSent | None = None
        self._open(audio, pacer)

    def reformat(self, audio: Format, pacer: Pacer) -> None:
        """Make payloads of another format, in the slots of another pacer."""
        self.settle()
        if audio.coding != self._coding:
            self._codec = codec_for(audio)
        self._open(audio, pacer)

    def _open(self, audio: Format, pacer: Pacer) -> None:
        self._coding = audio.coding
        self._samples = audio.samples
        self._pacer = pacer
        self._told = pacer.slot  # the last slot that whoever listens in knows of

    def tap(self, on_sent: OnSent | None) -> None:
        """Tell `on_sent` from now on what goes on the wire, slot by slot; None tells nobody."""
        self._on_sent = on_sent
        self._told = self._pacer.slot

    @property
    def tapped(self) -> bool:
        """Whether somebody listens in."""
        return self._on_sent is not None

    def encode(self, pcm: bytes) -> bytes:
        """The payload of a frame of s16le mono PCM, in the present slot."""
        if self._on_sent is not None:
            slot = self._pacer.slot
            self._on_sent((slot - self._told - 1) * self._samples, pcm)
            self._told = slot
        return self._codec.encode(pcm)

    def encode_silence(self) -> bytes:
        """The payload of a frame of silence; empty where nothing need be sent."""
        return self._codec.encode_silence(self._samples)

    def encode_early(self, pcm: bytes) -> bytes:
        """The payload of a frame whose slot has not come."""
        self.overhear(pcm)
        return self._codec.encode(pcm)

    def overhear(self, pcm: bytes) -> None:
        """Tell of sound that leaves at its own pace and not in our slots."""
        if self._on_sent is not None:
            self._on_sent(0, pcm)
            self._told = self._pacer.slot

    def settle(self) -> None:
        """Tell of the silence up to now."""
        slot = self._pacer.slot
        if self._on_sent is not None and slot > self._told:
            self._on_sent((slot - self._told) * self._samples, b"")
            self._told = slot

    def recall(self, payloads: Iterable[bytes]) -> None:
        """Bring the codec to where it would be, had it made these payloads of others."""
        for payload in payloads:
            with contextlib.suppress(ValueError):
                self._codec.encode(self._codec.decode(payload))

    def heed_losses(self, share: float) -> None:
        """Go by the share of packets, 0 to 1, that the peer has just missed, where that can be."""
        if isinstance(self._codec, Opus):
            self._codec.follow(share)
