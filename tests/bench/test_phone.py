import socket
import struct
import time
from collections.abc import Iterator

import pytest

from tests.bench.marker import FRAME_BYTES, SILENCE, frame_id
from tests.bench.phone import QUIET_S, Phone, Record


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        for each in (mine, theirs):
            each.bind(("127.0.0.1", 0))
        theirs.settimeout(5)
        yield mine, theirs


def _rtp(payload: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, 1, 8000, 7) + payload


def test_a_phone_answers_who_speaks_to_it_and_times_the_echo(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    mine, bridge = sockets
    phone = Phone(3, mine, wall=time.time() - time.monotonic())
    record = Record()
    assert not phone.send(time.monotonic())

    bridge.sendto(_rtp(SILENCE * FRAME_BYTES), mine.getsockname())
    phone.receive(record)
    sent_at = time.monotonic()
    assert phone.send(sent_at)
    bridge.sendto(_rtp(bridge.recv(2048)[12:]), mine.getsockname())
    phone.receive(record)

    assert list(record.identity) == [frame_id(3, 0)]
    assert list(record.sent_at) == [sent_at]
    assert sent_at <= record.heard_at[0] + 0.001
    assert list(record.packet_time) == [1.0, 1.0]
    assert record.filled == 0


def test_silence_counts_as_a_hole_once_the_echo_has_begun(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    mine, bridge = sockets
    phone = Phone(0, mine, wall=time.time() - time.monotonic())
    record = Record()
    bridge.sendto(_rtp(SILENCE * FRAME_BYTES), mine.getsockname())
    phone.receive(record)
    phone.send(time.monotonic())
    bridge.sendto(_rtp(bridge.recv(2048)[12:]), mine.getsockname())
    phone.receive(record)
    bridge.sendto(_rtp(SILENCE * FRAME_BYTES), mine.getsockname())
    phone.receive(record)
    assert record.filled == 1


def test_a_phone_nobody_speaks_to_falls_silent(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    mine, bridge = sockets
    phone = Phone(0, mine, wall=time.time() - time.monotonic())
    bridge.sendto(_rtp(SILENCE * FRAME_BYTES), mine.getsockname())
    phone.receive(Record())
    assert not phone.send(time.monotonic() + QUIET_S + 0.1)
