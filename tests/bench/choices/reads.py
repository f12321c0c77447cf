"""How datagrams are read: a transport of the loop's, recvfrom, or recvmmsg."""

import asyncio
import ctypes
import functools
import select
import socket
import time
from collections.abc import Callable

import uvloop

from tests.bench.choices.sockets import BEATS, LEGS, PACKET, Meter, bound, phones
from tests.bench.choices.table import Choice, Figures

AT_ONCE = 64
_MSG_DONTWAIT = 0x40


class _Reader(asyncio.DatagramProtocol):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._meter.read += 1


def by_transport() -> Figures:
    return uvloop.run(_by_transport())


async def _by_transport() -> Figures:
    loop = asyncio.get_running_loop()
    with phones() as remotes:
        meter, ended, start = Meter(), asyncio.Event(), time.monotonic()
        sends = []
        for _ in remotes:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Reader(meter), sock=bound())
            sends.append(transport.sendto)

        def beat(count: int) -> None:
            if not meter.beat(start + count / 1000):
                ended.set()
                return
            loop.call_later(start + (count + 1) / 1000 - time.monotonic(), beat, count + 1)
            for number in range(count % BEATS, LEGS, BEATS):
                sends[number](PACKET, remotes[number])

        beat(0)
        await ended.wait()
        return meter.figures()


def _resting(sockets: list[socket.socket], read: Callable[[Meter], None]) -> Figures:
    """Sleep, read, send; `sockets` are used in turn."""
    with phones() as remotes:
        meter, start, count = Meter(), time.monotonic(), 0
        while meter.beat(due := start + count / 1000):
            for number in range(count % BEATS, LEGS, BEATS):
                sockets[number % len(sockets)].sendto(PACKET, remotes[number])
            count += 1
            time.sleep(max(0.0, due + 0.001 - time.monotonic()))
            read(meter)
        return meter.figures()


def by_recvfrom(*, shared: bool) -> Figures:
    sockets = [bound() for _ in range(1 if shared else LEGS)]
    poll, by_descriptor = select.epoll(), {each.fileno(): each for each in sockets}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)

    def read(meter: Meter) -> None:
        while ready := poll.poll(0):
            for descriptor, _ in ready:
                by_descriptor[descriptor].recvfrom(2048)
                meter.read += 1

    return _resting(sockets, read)


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("received", ctypes.c_uint))


def by_recvmmsg() -> Figures:
    """All legs on one socket: one leg alone has but one packet waiting."""
    (own,) = sockets = [bound()]
    buffers = [ctypes.create_string_buffer(2048) for _ in range(AT_ONCE)]
    sources = [ctypes.create_string_buffer(16) for _ in range(AT_ONCE)]
    pieces = (_Piece * AT_ONCE)(*[_Piece(ctypes.addressof(each), 2048) for each in buffers])
    messages = (_Message * AT_ONCE)()
    for number, message in enumerate(messages):
        header = message.header
        header.name, header.name_length = ctypes.addressof(sources[number]), 16
        header.pieces = ctypes.addressof(pieces) + number * ctypes.sizeof(_Piece)
        header.piece_count = 1
    call, descriptor = ctypes.CDLL(None).recvmmsg, own.fileno()

    def read(meter: Meter) -> None:
        while (came := call(descriptor, messages, AT_ONCE, _MSG_DONTWAIT, None)) > 0:
            for number in range(came):
                packet = ctypes.string_at(buffers[number], messages[number].received)
                source = bytes(sources[number])
                meter.read += bool(packet and source)
            if came < AT_ONCE:
                return

    return _resting(sockets, read)


CHOICE = Choice(
    title="Socket reads",
    text="""\
100 legs, 50 packets a second each way. The transport is uvloop's and is woken for packets; the
others rest a millisecond and then read what has come. recvmmsg gains where many packets wait at one
socket, so all legs share one there, which needs another way to tell them apart than the port (most
trunks want a port for each call).""",
    cases={
        "uvloop's transport": by_transport,
        "epoll and recvfrom, resting": functools.partial(by_recvfrom, shared=False),
        "the same, one socket for all": functools.partial(by_recvfrom, shared=True),
        "recvmmsg by ctypes, one socket for all": by_recvmmsg,
    },
)

if __name__ == "__main__":
    CHOICE.main()
