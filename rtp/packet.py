"""RTP packets on the wire: parse, serialize, compare sequence numbers and timestamps (RFC 3550).

The stream unpacks the twelve fixed octets of an ordinary packet itself, with `HEADER`; whatever
carries more than those goes through `RtpPacket`, which costs about four times as much.
"""

import struct
from dataclasses import dataclass, field
from typing import Final, Self

__all__ = [
    "HEADER",
    "HEADER_LENGTH",
    "MARKER",
    "PLAIN",
    "RtpPacket",
    "is_rtcp",
    "sequence_distance",
    "timestamp_distance",
]

HEADER: Final = struct.Struct("!BBHII")
"""Flags, marker and payload type, sequence, timestamp, SSRC (RFC 3550 section 5.1)."""

HEADER_LENGTH: Final = 12
MARKER: Final = 0x80
PLAIN: Final = 0x80
"""First octet of version 2 without padding, extension or contributing sources."""

_VERSION: Final = 2
_PADDING: Final = 0x20
_EXTENSION: Final = 0x10
_WORD: Final = 4  # octets: CSRC entries and extensions are counted in 32-bit words


def sequence_distance(sequence: int, reference: int) -> int:
    """How far `sequence` lies after `reference`, in packets: -32768 to 32767."""
    return ((sequence - reference + 0x8000) & 0xFFFF) - 0x8000


def timestamp_distance(timestamp: int, reference: int) -> int:
    """How far `timestamp` lies after `reference`, in clock units: -2^31 to 2^31 - 1."""
    return ((timestamp - reference + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a port shared with RTP is RTCP (RFC 5761 section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpPacket:
    """One RTP packet, header extension and contributing sources included."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = field(default=b"", repr=False)
    marker: bool = False
    csrc: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None
    """Profile word and content; the content is a whole number of 32-bit words."""
    padding: int = 0
    """Octets of padding, the count octet included."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one datagram. Raises ValueError, and nothing else, on any other octets."""
        if len(data) < HEADER_LENGTH:
            raise ValueError(f"RTP packet is {len(data)} octets, shorter than its header")
        flags, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        if flags >> 6 != _VERSION:
            raise ValueError(f"RTP version is {flags >> 6}, not 2")
        start = HEADER_LENGTH + _WORD * (flags & 0x0F)
        if len(data) < start:
            raise ValueError("RTP packet ends within its contributing sources")
        csrc = struct.unpack_from(f"!{flags & 0x0F}I", data, HEADER_LENGTH)
        extension = None
        if flags & _EXTENSION:
            extension = _parse_extension(data, start)
            start += _WORD + len(extension[1])
        padding = 0
        if flags & _PADDING:
            padding = data[-1]
            if not 0 < padding <= len(data) - start:
                raise ValueError("RTP padding is longer than the payload, or zero")
        return cls(
            payload_type=kind & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=data[start : len(data) - padding],
            marker=bool(kind & MARKER),
            csrc=csrc,
            extension=extension,
            padding=padding,
        )

    def serialize(self) -> bytes:
        """The packet as octets for the wire."""
        flags = PLAIN | len(self.csrc)
        parts = [struct.pack(f"!{len(self.csrc)}I", *self.csrc)]
        if self.extension is not None:
            flags |= _EXTENSION
            profile, content = self.extension
            parts.append(struct.pack("!HH", profile, len(content) // _WORD) + content)
        parts.append(self.payload)
        if self.padding:
            flags |= _PADDING
            parts.append(bytes(self.padding - 1) + bytes([self.padding]))
        kind = self.payload_type | (MARKER if self.marker else 0)
        return HEADER.pack(flags, kind, self.sequence, self.timestamp, self.ssrc) + b"".join(parts)


def _parse_extension(data: bytes, start: int) -> tuple[int, bytes]:
    """The header extension that begins at `start` (RFC 3550 section 5.3.1)."""
    if len(data) < start + _WORD:
        raise ValueError("RTP packet ends within its extension header")
    profile, words = struct.unpack_from("!HH", data, start)
    end = start + _WORD + _WORD * words
    if len(data) < end:
        raise ValueError("RTP packet ends within its extension")
    return profile, data[start + _WORD : end]
