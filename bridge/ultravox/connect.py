"""Opening the WebSocket of a call: TLS, timeouts, socket options, and failures told in one line."""

import asyncio
import functools
import logging
import socket
import ssl
from urllib.parse import urlsplit

from picows import WSHandshakeError, WSInvalidURL, WSTransport, ws_connect

from bridge.errors import AgentRefused, AgentTimeout, AgentUnavailable
from bridge.ultravox.receiver import MESSAGE_LIMIT, Receiver

# picows names the URL in its own log lines, and the join URL is a secret.
_log = logging.getLogger("bridge.ultravox.session.wire")
_log.setLevel(logging.WARNING)

STALL_TIMEOUT_MS = 10_000
"""Unacknowledged audio for this long means the path is dead (TCP_USER_TIMEOUT, RFC 5482)."""
SEND_BUFFER = 32 * 1024
"""Kernel send buffer, bytes, doubled by Linux: what a stalled socket can hide, 0.7 to 4 s."""
STALL_MARK = 4096
"""Bytes waiting above the kernel at which the socket counts as stalled."""
CLIENT_ERRORS = range(400, 500)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The default client context, made once: reading the certificate store takes tens of ms."""
    return ssl.create_default_context()


async def connect(
    join_url: str, receiver: Receiver, *, timeout_s: float, tls: ssl.SSLContext | None
) -> WSTransport:
    """Open `join_url` for `receiver`. Raises an AgentError that never names the URL."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _open(join_url, receiver, timeout_s, tls)
    except BaseException as error:
        receiver.abandon()
        if isinstance(error, Exception):
            raise _explain(error, join_url, timeout_s) from None
        raise


async def _open(
    join_url: str, receiver: Receiver, timeout_s: float, tls: ssl.SSLContext | None
) -> WSTransport:
    if tls is None and join_url.startswith("wss:"):
        tls = await asyncio.to_thread(tls_context)
    transport, listener = await ws_connect(
        lambda: receiver,
        join_url,
        ssl_context=tls,
        websocket_handshake_timeout=timeout_s,
        logger_name=_log,
        max_frame_size=MESSAGE_LIMIT,
        max_redirects=1,
    )
    if listener is None:
        raise ConnectionResetError("connection closed during the handshake")
    raw = transport.underlying_transport
    raw.set_write_buffer_limits(high=STALL_MARK, low=0)
    connection: socket.socket = raw.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_TIMEOUT_MS)
    return transport


def _explain(error: Exception, join_url: str, timeout_s: float) -> Exception:
    """The failure as one line that says what and where, without the join URL."""
    where = _host(join_url)
    match error:
        case TimeoutError():
            return AgentTimeout(f"{where} did not open the session within {timeout_s:g} s")
        case WSInvalidURL():
            return AgentRefused("the join URL is not a WebSocket URL")
        case WSHandshakeError(response=response):
            return _refusal(where, response.status.value if response else 0)
        case ssl.SSLCertVerificationError():
            return AgentUnavailable(f"certificate of {where}: {error.verify_message}")
        case OSError():
            return AgentUnavailable(f"cannot reach {where}: {error.strerror or error}")
    return error


def _refusal(where: str, status: int) -> Exception:
    if status in CLIENT_ERRORS:
        return AgentRefused(f"{where} refused the join with HTTP {status}")
    return AgentUnavailable(f"{where} did not open the session (HTTP {status or 'broken'})")


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "the join URL"
    except ValueError:
        return "the join URL"
