"""Packet captures in libpcap's format: read whatever SIPp plays, write what tests keep."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Captured", "read", "write"]

_FILE = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_MAGIC = 0xA1B2C3D4
_ETHERNET, _RAW = 1, 101
"""Link types: with 14 octets before the IP header, and with none."""
_UDP = 17


@dataclass(frozen=True, slots=True)
class Captured:
    """A UDP datagram as it was captured."""

    at: float
    """Seconds since the first one."""
    port: int
    """That it was sent to."""
    data: bytes


def read(path: Path) -> list[Captured]:
    """The UDP datagrams over IPv4 of a capture, in its order."""
    text = path.read_bytes()
    magic, *_, link = _FILE.unpack_from(text)
    assert magic == _MAGIC, f"{path} is no capture of this byte order"
    skipped = {_ETHERNET: 14, _RAW: 0}[link]
    found: list[Captured] = []
    offset, began = _FILE.size, None
    while offset < len(text):
        seconds, micros, length, _ = _RECORD.unpack_from(text, offset)
        packet = text[offset + _RECORD.size + skipped : offset + _RECORD.size + length]
        offset += _RECORD.size + length
        header = 4 * (packet[0] & 0x0F)
        if packet[9] != _UDP:
            continue
        at = seconds + micros / 1_000_000
        began = at if began is None else began
        (port,) = struct.unpack_from("!H", packet, header + 2)
        size = int.from_bytes(packet[header + 4 : header + 6], "big")
        found.append(Captured(at - began, port, packet[header + 8 : header + size]))
    return found


def write(path: Path, datagrams: Iterable[Captured]) -> None:
    """Write a capture of datagrams from 192.0.2.1 port 4000 to 192.0.2.2, to be read elsewhere."""
    text = _FILE.pack(_MAGIC, 2, 4, 0, 0, 65535, _RAW)
    for each in datagrams:
        size = 28 + len(each.data)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0, 64, _UDP, 0)
        ip += bytes([192, 0, 2, 1, 192, 0, 2, 2])
        udp = struct.pack("!HHHH", 4000, each.port, size - 20, 0)
        micros = round(each.at * 1_000_000)
        text += _RECORD.pack(micros // 1_000_000, micros % 1_000_000, size, size)
        text += ip + udp + each.data
    path.write_bytes(text)
