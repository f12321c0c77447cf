"""A name server on loopback that knows what a test tells it: A and SRV records, best first.

On port 53, for PJSIP asks on no other; where that may not be bound, the test is skipped.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

HOST = "127.0.0.9"
A, SRV = 1, 33

Records = Mapping[str, Sequence[tuple[str, int]]]
"""Servers by the name of their service: each a host and a port, the most wanted first."""


def _name(name: str) -> bytes:
    labels = name.rstrip(".").split(".")
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


class _Server(asyncio.DatagramProtocol):
    def __init__(self, a: Mapping[str, str], srv: Records) -> None:
        self._a, self._srv = a, srv
        self.asked: list[tuple[str, int]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        question = data[12 : at + 5]
        (kind,) = struct.unpack_from("!H", data, at + 1)
        name = ".".join(labels)
        self.asked.append((name, kind))
        answers = self._answers(name, kind)
        flags = 0x8580 if answers else 0x8583  # authoritative; NXDOMAIN where nothing is known
        head = data[:2] + struct.pack("!5H", flags, 1, len(answers), 0, 0)
        self._transport.sendto(head + question + b"".join(answers), addr)

    def _answers(self, name: str, kind: int) -> list[bytes]:
        if kind == A and name in self._a:
            values = [socket.inet_aton(self._a[name])]
        elif kind == SRV:
            values = [
                struct.pack("!3H", priority, 1, port) + _name(target)
                for priority, (target, port) in enumerate(self._srv.get(name, ()))
            ]
        else:
            return []
        head = _name(name) + struct.pack("!HHI", kind, 1, 60)
        return [head + struct.pack("!H", len(value)) + value for value in values]


@asynccontextmanager
async def name_server(
    *, a: Mapping[str, str], srv: Records
) -> AsyncIterator[tuple[str, list[tuple[str, int]]]]:
    """Its address, and the questions it was asked, as name and type."""
    loop = asyncio.get_running_loop()
    try:
        transport, server = await loop.create_datagram_endpoint(
            lambda: _Server(a, srv), local_addr=(HOST, 53)
        )
    except OSError as error:
        pytest.skip(f"cannot be a name server on {HOST}:53: {error.strerror}")
    try:
        yield HOST, server.asked
    finally:
        transport.close()
