"""A stream's UDP socket, as cheap to read and write as can be had.

`_datagrams.c` where it was compiled, else Python's own sockets.
"""

import functools
import importlib
import socket
from collections.abc import Callable
from typing import Protocol

from rtp.latch import Address

__all__ = ["Datagrams", "datagrams"]


class Datagrams(Protocol):
    """One UDP socket, read and written without waiting; it belongs to whoever made it."""

    def receive(self) -> tuple[bytes, Address] | None:
        """One datagram, cut to 2048 octets, and whose it is; None where none can be had."""

    def send(self, data: bytes, address: Address, /) -> None:
        """Send one. Raises OSError where there is no way or no room, or no such port or host."""


def datagrams(sock: socket.socket) -> Datagrams:
    """What `sock` receives and sends. Raises ValueError where it is of neither IPv4 nor IPv6."""
    return _form()(sock)


@functools.cache
def _form() -> Callable[[socket.socket], Datagrams]:
    """The compiled one where there is one, else Python's."""
    try:
        module = importlib.import_module("rtp._datagrams")
    except ImportError:
        module = importlib.import_module("rtp.pydatagrams")
    made: Callable[[socket.socket], Datagrams] = module.Datagrams
    return made
