"""What a server should never put on a WebSocket, for a client to survive."""

import socket
import struct

from picows import WSMsgType, WSTransport

OVERSIZE = 5 * 1024 * 1024
TEXTS: tuple[str | bytes, ...] = (
    "{",
    "[]",
    "null",
    '{"type":5}',
    '{"type":"state"}',
    '{"type":"tomorrow","x":1}',
    '{"type":"state","state":"dreaming"}',
    "[" * 5000,
    '"\\ud800"',
    b"\xff\xfe",
)
ODD_SIZES = (0, 1, 321)


def send_nonsense(transport: WSTransport) -> None:
    """Text that is no message, and audio that ends in half a sample."""
    for text in TEXTS:
        transport.send(WSMsgType.TEXT, text)
    for size in ODD_SIZES:
        transport.send(WSMsgType.BINARY, bytes(size))


def send_too_much(transport: WSTransport) -> None:
    """A frame larger than any call has use for."""
    transport.send(WSMsgType.BINARY, bytes(OVERSIZE))


def reset(transport: WSTransport) -> None:
    """Break the connection with a TCP reset."""
    raw = transport.underlying_transport
    linger = struct.pack("ii", 1, 0)
    raw.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    raw.abort()
