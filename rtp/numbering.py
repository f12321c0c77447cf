"""Numbers of the packets that we send: they go on, whoever makes the payloads."""

import secrets

from rtp.packet import HEADER, PLAIN

__all__ = ["Numbering"]


class Numbering:
    """SSRC, sequence and timestamps of what one stream sends (RFC 3550 section 5.1).

    Timestamps go by slots, of which the pacer counts one for each frame of time that passes.
    """

    __slots__ = ("_step", "first", "sequence", "ssrc")

    def __init__(self, step: int) -> None:
        """Count from anywhere, by slots of `step` units."""
        self.ssrc = secrets.randbits(32)
        self.sequence = secrets.randbits(16)
        """Of the last packet."""
        self.first = secrets.randbits(32)
        """Timestamp of slot 0, in so far as there was one."""
        self._step = step

    def renew(self, step: int) -> None:
        """Begin anew with slot 0, of `step` units of another clock, under another SSRC."""
        self.ssrc = secrets.randbits(32)
        self.first = secrets.randbits(32)
        self._step = step

    def align(self, slot: int, timestamp: int, step: int) -> None:
        """Let `slot` have this timestamp, and each slot be `step` units long."""
        self.first = timestamp - slot * step
        self._step = step

    def timestamp(self, slot: int) -> int:
        """RTP timestamp of a slot."""
        return (self.first + slot * self._step) & 0xFFFFFFFF

    def packet(self, kind: int, slot: int, payload: bytes) -> bytes:
        """The next packet, of a slot; `kind` is marker and payload type."""
        self.sequence = sequence = (self.sequence + 1) & 0xFFFF
        timestamp = (self.first + slot * self._step) & 0xFFFFFFFF
        return HEADER.pack(PLAIN, kind, sequence, timestamp, self.ssrc) + payload

    def relayed(self, kind: int, lost: int, timestamp: int, payload: bytes) -> bytes:
        """A packet after `lost` others that will never come, with a timestamp of its own."""
        self.sequence = sequence = (self.sequence + 1 + lost) & 0xFFFF
        return HEADER.pack(PLAIN, kind, sequence, timestamp, self.ssrc) + payload
