"""What systemd is told, read from a datagram socket as it is by systemd."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.commands.supervisor import Supervisor
from tests.support.clock import run_virtually


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.setblocking(False)
        yield bound


def messages(inbox: socket.socket) -> list[str]:
    told = []
    while True:
        try:
            told.append(inbox.recv(4096).decode())
        except BlockingIOError:
            return told


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def told_for(supervisor: Supervisor, seconds: float, *, answers: bool = True) -> None:
    telling = supervisor.keep_told(yes if answers else no, lambda: "1 of 100 calls")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(telling, seconds)


def test_ready_and_stopping_are_told_with_a_line_for_people(inbox: socket.socket) -> None:
    supervisor = Supervisor(inbox.getsockname())
    supervisor.ready("SIP on udp://0.0.0.0:5060")
    supervisor.stopping("2 of 100 calls; draining", within_s=600)
    assert messages(inbox) == [
        "READY=1\nSTATUS=SIP on udp://0.0.0.0:5060",
        "STOPPING=1\nEXTEND_TIMEOUT_USEC=630000000\nSTATUS=2 of 100 calls; draining",
    ]


def test_the_watchdog_is_fed_well_within_its_time_and_the_status_told_once(
    inbox: socket.socket,
) -> None:
    run_virtually(told_for(Supervisor(inbox.getsockname(), watchdog_s=8), 8.5))
    assert messages(inbox) == ["WATCHDOG=1", "STATUS=1 of 100 calls", *["WATCHDOG=1"] * 3]


def test_the_watchdog_is_not_fed_while_the_sip_thread_does_not_answer(
    inbox: socket.socket,
) -> None:
    run_virtually(told_for(Supervisor(inbox.getsockname(), watchdog_s=8), 30, answers=False))
    assert "WATCHDOG=1" not in messages(inbox)


def test_without_a_watchdog_only_the_status_is_told(inbox: socket.socket) -> None:
    run_virtually(told_for(Supervisor(inbox.getsockname()), 30))
    assert messages(inbox) == ["STATUS=1 of 100 calls"]


def test_the_environment_names_the_socket_and_no_child_gets_it(inbox: socket.socket) -> None:
    environ = {
        "NOTIFY_SOCKET": inbox.getsockname(),
        "WATCHDOG_USEC": "8000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    run_virtually(told_for(Supervisor.from_environment(environ), 2.5))
    assert messages(inbox) == ["WATCHDOG=1", "STATUS=1 of 100 calls"]
    assert environ == {"HOME": "/"}


def test_a_watchdog_of_another_process_is_not_ours_to_feed(inbox: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": inbox.getsockname(), "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}
    run_virtually(told_for(Supervisor.from_environment(environ), 30))
    assert messages(inbox) == ["STATUS=1 of 100 calls"]


def test_an_abstract_socket_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(f"\0uvbridge-test-{os.getpid()}")
        inbox.setblocking(False)
        Supervisor(f"@uvbridge-test-{os.getpid()}").ready("up")
        assert messages(inbox) == ["READY=1\nSTATUS=up"]


def test_nobody_to_tell_is_no_mistake(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "gone")):
        supervisor = Supervisor(address)
        supervisor.ready("up")
        supervisor.stopping("leaving", within_s=0)
    asyncio.run(Supervisor("").keep_told(no, lambda: ""))
