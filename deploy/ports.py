"""Port numbers that nobody else takes between the choice and the use.

Whoever asks the kernel for any port gets one of its own range (ip_local_port_range). Those here lie
below, and each process that asks gives out blocks of its own, claimed by names in the abstract
namespace of sockets (unix(7)), which the kernel frees when the process ends.
"""

import socket
from collections.abc import Iterator

__all__ = ["claim", "free_port", "free_ports"]

LOW, HIGH = 11_200, 20_000
BLOCK = 200


def claim() -> range:
    """A block of numbers that is this process's own from now on.

    Raises OSError where none is left.
    """
    for low in range(LOW, HIGH, BLOCK):
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0uvbridge-ports-{low}")
        except OSError:
            held.close()
        else:
            held.detach()  # it lives as long as the process does
            return range(low, low + BLOCK)
    raise OSError(f"other processes have claimed all ports from {LOW} to {HIGH - 1}")


def free_port() -> int:
    """A port that is free on every address, for TCP and UDP."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many adjacent ports, a multiple of `count`."""
    while True:
        first = next(_numbers)
        if first % count:
            continue
        if all(map(_free, range(first, first + count))):
            for _ in range(count - 1):
                next(_numbers)
            return first


def _given_out() -> Iterator[int]:
    while True:
        yield from claim()


_numbers = _given_out()


def _free(port: int) -> bool:
    """Whether no program outside this scheme has it."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True
