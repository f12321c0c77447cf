"""Waking a thread that sleeps in the SIP stack's poll.

PJSIP drops datagrams that hold nothing but line ends (keep-alives, RFC 5626 section 3.5.1) as
soon as it has read them; one sent to our own UDP listener therefore ends the poll and does
nothing else.
"""

import contextlib
import socket
from ipaddress import ip_address
from typing import Final

from sip.media import Address

__all__ = ["Doorbell"]

KEEP_ALIVE: Final = b"\r\n\r\n"


class Doorbell:
    """Rings at a UDP listener of this process; ``ring`` may be called from any thread."""

    def __init__(self, listener: Address) -> None:
        host, port = listener
        address = ip_address(host)
        if address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "::1"
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((host, port))

    def ring(self) -> None:
        """Wake the poll. When the datagram is lost, the poll's own timeout still wakes it."""
        with contextlib.suppress(OSError):
            self._socket.send(KEEP_ALIVE)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
