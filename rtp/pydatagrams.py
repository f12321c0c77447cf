"""Datagrams of one UDP socket by Python's own: the twin of `_datagrams.c`."""

import socket

from rtp.latch import Address

__all__ = ["Datagrams"]

_LONGEST = 2048  # octets; longer than any frame of ours


class Datagrams:
    """One socket, read and written without waiting."""

    def __init__(self, sock: socket.socket) -> None:
        """Raises ValueError where it is of neither IPv4 nor IPv6."""
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            raise ValueError("neither IPv4 nor IPv6")
        self._socket = sock

    def receive(self) -> tuple[bytes, Address] | None:
        """One datagram, cut to 2048 octets, and whose it is; None where none can be had."""
        try:
            data, source = self._socket.recvfrom(_LONGEST, socket.MSG_DONTWAIT)
        except OSError:  # nothing there after all, or an ICMP error about an older packet
            return None
        return data, source

    def send(self, data: bytes, address: Address, /) -> None:
        """Send one. Raises OSError where there is no way or no room, or no such port or host."""
        try:
            self._socket.sendto(data, socket.MSG_DONTWAIT, address)
        except OverflowError as error:
            raise OSError(f"no such port: {address}") from error
