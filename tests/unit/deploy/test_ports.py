import os
import socket
import subprocess
import sys

import pytest

from deploy import ports

LOW = 100_000 + 1000 * os.getpid()
HIGH = LOW + 2 * ports.BLOCK
"""Room for two, that nobody else asks for."""
CLAIMING = f"""
from deploy import ports
ports.LOW, ports.HIGH = {LOW}, {HIGH}
print(ports.claim()[0], flush=True)
input()
"""


def claiming() -> tuple["subprocess.Popen[str]", int]:
    """A process that claims a block and keeps it, and the block's first number."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIMING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_no_two_processes_have_a_number_in_common_until_one_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "LOW", LOW)
    monkeypatch.setattr(ports, "HIGH", HIGH)
    (one, first), (other, second) = claiming(), claiming()
    assert {first, second} == {LOW, LOW + ports.BLOCK}
    with pytest.raises(OSError, match="claimed all ports"):
        ports.claim()
    one.communicate("\n")
    assert ports.claim() == range(first, first + ports.BLOCK)
    other.communicate("\n")


def test_a_number_is_given_out_once_and_never_where_somebody_else_has_it() -> None:
    first = ports.free_ports(2)
    assert first % 2 == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.9", first + 2))
        given = [ports.free_port() for _ in range(3)]
    assert len({first, first + 1, first + 2, *given}) == 6
    assert ports.free_ports(4) % 4 == 0
