"""The TCP connection under a session's WebSocket: how it is set, and when it is not read."""

import socket

from picows import WSTransport

__all__ = ["pause", "resume", "tune"]

STALL_TIMEOUT_MS = 10_000
"""Unacknowledged audio for this long means the path is dead (TCP_USER_TIMEOUT, RFC 5482)."""
SEND_BUFFER = 32 * 1024
"""Kernel send buffer, bytes, doubled by Linux: what a stalled socket can hide, 0.7 to 4 s."""
STALL_MARK = 4096
"""Bytes waiting above the kernel at which the socket counts as stalled."""


def tune(transport: WSTransport) -> None:
    """Set a new connection up for audio."""
    raw = transport.underlying_transport
    raw.set_write_buffer_limits(high=STALL_MARK, low=0)
    connection: socket.socket = raw.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_TIMEOUT_MS)


def pause(transport: WSTransport) -> None:
    """Read no more. Not to be called out of reading: what TLS has taken in by then would stay."""
    if not transport.underlying_transport.is_closing():
        transport.underlying_transport.pause_reading()


def resume(transport: WSTransport) -> None:
    """Read on, from the next turn of the loop."""
    if not transport.underlying_transport.is_closing():
        transport.underlying_transport.resume_reading()
