"""RTCP on the wire: sender and receiver reports, source description, goodbye (RFC 3550)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Bye", "Packet", "Reception", "Report", "SourceDescription", "parse", "serialize"]

_SENDER_REPORT = 200
_RECEIVER_REPORT = 201
_SOURCE_DESCRIPTION = 202
_GOODBYE = 203
_CNAME = 1
_END = 0

_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!QIII")
_RECEPTION = struct.Struct("!IB3sIIII")
_WORD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """How one source is received (RFC 3550 section 6.4.1, report block)."""

    ssrc: int
    fraction_lost: float
    """Share of packets lost since the last report, 0 to 1, in steps of 1/256."""
    lost: int
    """Packets lost since the beginning, signed 24 bits: duplicates count against it."""
    highest: int
    """Highest sequence number received, extended by its wraps."""
    jitter: int
    """Interarrival jitter in RTP timestamp units."""
    last_report: int
    """Middle 32 bits of the NTP time in the last sender report from there, 0 if none."""
    delay: int
    """Since then, in units of 1/65536 second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A sender report, or, without `ntp`, a receiver report."""

    ssrc: int
    ntp: int | None = None
    """64-bit NTP time of sending; None when nothing has been sent."""
    timestamp: int = 0
    """The same moment in RTP timestamp units."""
    packets: int = 0
    octets: int = 0
    """Payload octets sent."""
    receptions: tuple[Reception, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDescription:
    """The canonical name of a source; other items are not kept."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """Sources that have left."""

    sources: tuple[int, ...]


Packet = Report | SourceDescription | Bye


def parse(data: bytes) -> list[Packet]:
    """Read a compound packet; packets of other types are passed over.

    Raises ValueError, and nothing else, on octets that are no RTCP.
    """
    packets: list[Packet] = []
    offset = 0
    while offset < len(data):
        if len(data) < offset + _HEADER.size:
            raise ValueError("RTCP ends within a packet header")
        flags, kind, words = _HEADER.unpack_from(data, offset)
        if flags >> 6 != 2:
            raise ValueError(f"RTCP version is {flags >> 6}, not 2")
        end = offset + _WORD * (words + 1)
        if len(data) < end:
            raise ValueError("RTCP packet is longer than its datagram")
        packets.extend(_parse_one(kind, flags & 0x1F, data[offset + _HEADER.size : end]))
        offset = end
    if not offset:
        raise ValueError("RTCP datagram is empty")
    return packets


def serialize(*packets: Packet) -> bytes:
    """A compound packet as octets for the wire."""
    return b"".join(_serialize_one(packet) for packet in packets)


def _parse_one(kind: int, count: int, body: bytes) -> Iterator[Packet]:
    if kind in {_SENDER_REPORT, _RECEIVER_REPORT}:
        yield _parse_report(kind, count, body)
    elif kind == _SOURCE_DESCRIPTION:
        yield from _parse_descriptions(count, body)
    elif kind == _GOODBYE:
        if len(body) < _WORD * count:
            raise ValueError("RTCP BYE ends within its sources")
        yield Bye(sources=struct.unpack_from(f"!{count}I", body))


def _parse_report(kind: int, count: int, body: bytes) -> Report:
    start = _WORD + (_SENDER.size if kind == _SENDER_REPORT else 0)
    if len(body) < start + count * _RECEPTION.size:
        raise ValueError("RTCP report ends within its blocks")
    (ssrc,) = struct.unpack_from("!I", body)
    receptions = tuple(
        _parse_reception(body, start + number * _RECEPTION.size) for number in range(count)
    )
    if kind == _RECEIVER_REPORT:
        return Report(ssrc=ssrc, receptions=receptions)
    ntp, timestamp, packets, octets = _SENDER.unpack_from(body, _WORD)
    return Report(
        ssrc=ssrc,
        ntp=ntp,
        timestamp=timestamp,
        packets=packets,
        octets=octets,
        receptions=receptions,
    )


def _parse_reception(body: bytes, offset: int) -> Reception:
    ssrc, fraction, lost, highest, jitter, last_report, delay = _RECEPTION.unpack_from(body, offset)
    return Reception(
        ssrc=ssrc,
        fraction_lost=fraction / 256,
        lost=int.from_bytes(lost, "big", signed=True),
        highest=highest,
        jitter=jitter,
        last_report=last_report,
        delay=delay,
    )


def _parse_descriptions(count: int, body: bytes) -> Iterator[SourceDescription]:
    offset = 0
    for _ in range(count):
        if len(body) < offset + _WORD:
            raise ValueError("RTCP SDES ends within a source")
        (ssrc,) = struct.unpack_from("!I", body, offset)
        offset += _WORD
        while True:
            if len(body) <= offset:
                raise ValueError("RTCP SDES source has no end")
            if body[offset] == _END:
                break
            if len(body) < offset + 2 or len(body) < offset + 2 + body[offset + 1]:
                raise ValueError("RTCP SDES ends within an item")
            kind, length = body[offset], body[offset + 1]
            if kind == _CNAME:
                text = body[offset + 2 : offset + 2 + length]
                yield SourceDescription(ssrc=ssrc, cname=text.decode("utf-8", "replace"))
            offset += 2 + length
        offset += _WORD - offset % _WORD


def _serialize_one(packet: Packet) -> bytes:
    match packet:
        case Report():
            return _serialize_report(packet)
        case SourceDescription(ssrc=ssrc, cname=cname):
            text = cname.encode()[:255]
            item = struct.pack("!IBB", ssrc, _CNAME, len(text)) + text
            return _frame(_SOURCE_DESCRIPTION, 1, item + bytes(_WORD - len(item) % _WORD))
        case Bye(sources=sources):
            return _frame(_GOODBYE, len(sources), struct.pack(f"!{len(sources)}I", *sources))


def _serialize_report(report: Report) -> bytes:
    body = struct.pack("!I", report.ssrc)
    if report.ntp is not None:
        body += _SENDER.pack(report.ntp, report.timestamp, report.packets, report.octets)
    for reception in report.receptions:
        body += _RECEPTION.pack(
            reception.ssrc,
            min(255, int(reception.fraction_lost * 256)),
            max(-0x800000, min(0x7FFFFF, reception.lost)).to_bytes(3, "big", signed=True),
            reception.highest & 0xFFFFFFFF,
            reception.jitter & 0xFFFFFFFF,
            reception.last_report,
            reception.delay,
        )
    kind = _RECEIVER_REPORT if report.ntp is None else _SENDER_REPORT
    return _frame(kind, len(report.receptions), body)


def _frame(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // _WORD) + body
