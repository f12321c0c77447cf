"""Both forms of a stream's socket, on loopback."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from rtp import pydatagrams
from rtp.datagrams import Datagrams
from rtp.latch import Address
from tests.support.compiled import compiled

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture(params=["Python's", "compiled"])
def form(request: pytest.FixtureRequest) -> Any:
    if request.param == "Python's":
        return pydatagrams.Datagrams
    module = compiled("rtp/_datagrams.c")
    if module is None:
        pytest.skip("not compiled from the present source: make setup")
    return module.Datagrams


def bound(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.bind((LOOPBACK[socket.AddressFamily(family)], 0))
    return made


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    try:
        here, there = bound(request.param), bound(request.param)
    except OSError:
        pytest.skip("no such loopback here")
    with here, there:
        yield here, there


def one(socket_: Datagrams) -> tuple[bytes, Address]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if (came := socket_.receive()) is not None:
            return came
    raise TimeoutError


def test_what_is_sent_arrives_with_its_source(
    form: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    near, far = form(here), form(there)
    near.send(b"hello", there.getsockname())
    assert one(far) == (b"hello", here.getsockname())
    far.send(b"", here.getsockname())
    assert one(near) == (b"", there.getsockname())


def test_where_nothing_has_come_nothing_is_told(
    form: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    assert form(pair[0]).receive() is None


def test_each_of_several_sources_is_told_apart(form: Any) -> None:
    with bound(socket.AF_INET) as here, bound(socket.AF_INET) as one_, bound(socket.AF_INET) as two:
        near = form(here)
        for sender in (one_, two, two, one_):
            sender.sendto(b"x", here.getsockname())
            assert one(near)[1] == sender.getsockname()


def test_each_of_several_targets_gets_its_own(form: Any) -> None:
    with bound(socket.AF_INET) as here, bound(socket.AF_INET) as one_, bound(socket.AF_INET) as two:
        near = form(here)
        for number, target in enumerate((one_, two, two, one_)):
            near.send(bytes([number]), target.getsockname())
            assert one(form(target)) == (bytes([number]), here.getsockname())


def test_a_datagram_longer_than_any_frame_is_cut(
    form: Any, pair: tuple[socket.socket, socket.socket]
) -> None:
    here, there = pair
    there.sendto(bytes(3000), here.getsockname())
    assert len(one(form(here))[0]) == 2048


@pytest.mark.parametrize(
    "address", [("nobody.invalid", 9), ("127.0.0.1", 65536), ("127.0.0.1", -1), ("0.0.0.0", 0)]
)
def test_who_cannot_be_reached_is_an_error(form: Any, address: Address) -> None:
    if address[0] == "nobody.invalid" and form is pydatagrams.Datagrams:
        pytest.skip("looks names up; the streams give it none")
    with bound(socket.AF_INET) as here, pytest.raises(OSError):
        form(here).send(b"x", address)


def test_a_refusal_of_the_other_host_is_not_told_as_a_datagram(form: Any) -> None:
    with bound(socket.AF_INET) as here, bound(socket.AF_INET) as gone:
        address = gone.getsockname()
        gone.close()
        here.connect(address)
        near = form(here)
        near.send(b"x", address)
        assert near.receive() is None


@pytest.mark.parametrize("wrong", [(), (b"x",), ("x", ("127.0.0.1", 9)), (b"x", 9), (b"x", (9, 9))])
def test_what_is_no_datagram_and_address_is_a_type_error(form: Any, wrong: Any) -> None:
    with bound(socket.AF_INET) as here, pytest.raises(TypeError):
        form(here).send(*wrong)


def test_only_sockets_of_the_internet_are_taken(form: Any) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local,
        pytest.raises(ValueError, match="neither"),
    ):
        form(local)
