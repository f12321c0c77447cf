"""Opening the WebSocket of a call: TLS, timeouts, and failures told in one line."""

import asyncio
import functools
import logging
import ssl
from urllib.parse import urlsplit

from picows import WSHandshakeError, WSInvalidURL, WSTransport, ws_connect

from bridge.errors import AgentRefused, AgentTimeout, AgentUnavailable
from bridge.ultravox.listener import Listener
from bridge.ultravox.receiver import MESSAGE_LIMIT, Receiver
from bridge.ultravox.trust import trust

# picows names the URL in some log lines, and it is a secret; what went wrong, the session tells.
_log = logging.getLogger("bridge.ultravox.session.wire")
_log.setLevel(logging.CRITICAL)

CLIENT_ERRORS = range(400, 500)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The default client context, made once: reading the certificate store takes tens of ms."""
    return trust()


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
        lambda: Listener(receiver),
        join_url,
        ssl_context=tls,
        websocket_handshake_timeout=timeout_s,
        logger_name=_log,
        max_frame_size=MESSAGE_LIMIT,
        max_redirects=1,
    )
    if listener is None:
        raise ConnectionResetError("connection closed during the handshake")
    return transport


def _explain(error: Exception, join_url: str, timeout_s: float) -> Exception:
    """The failure as one line that says what and where, without the join URL."""
    where = _host(join_url)
    match error:
        case TimeoutError():
            return AgentTimeout(f"{where} did not open the session within {timeout_s:g} s")
        case WSHandshakeError(response=response):
            return _refusal(where, response.status.value if response else 0)
        case ssl.SSLCertVerificationError():
            return AgentUnavailable(f"certificate of {where}: {error.verify_message}")
        case OSError():
            return AgentUnavailable(f"cannot reach {where}: {error.strerror or error}")
        case WSInvalidURL() | ValueError():
            return AgentRefused("the join URL is not a WebSocket URL")
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
