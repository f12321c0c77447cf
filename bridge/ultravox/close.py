"""How the WebSocket of an Ultravox call ended."""

from dataclasses import dataclass
from typing import Any, Final

from picows import WSCloseCode, WSTransport

__all__ = ["Close", "ended", "oversize"]

# RFC 6455 section 7.4.1.
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
NO_CODE: Final = 1005
ABNORMAL: Final = 1006


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """How the socket ended. `code` as in RFC 6455 section 7.4.1: 1006 when no Close frame came."""

    code: int
    reason: str = ""
    ours: bool
    """We began it."""
    clean: bool
    """An ordinary end: by our own wish, or by the server with 1000, 1001 or no code."""


def ended(transport: WSTransport, *, closing: bool, broken: str) -> Close:
    """What became of a transport that is disconnected.

    `closing` says that we wished for it; `broken` is the reason where no Close frame came.
    """
    handshake = transport.close_handshake
    # Any: a reason is None where there is none, whatever picows declares.
    received: Any = handshake.recv if handshake else None
    sent: Any = handshake.sent if handshake else None
    if closing:
        return Close(code=received.code.value if received else NORMAL, ours=True, clean=True)
    if received is not None and (sent is None or handshake.recv_then_sent):
        code = received.code.value or NO_CODE
        clean = code in (NORMAL, GOING_AWAY, NO_CODE)
        return Close(code=code, reason=received.reason or "", ours=False, clean=clean)
    if sent is not None:
        return Close(code=sent.code.value, reason=sent.reason or "", ours=True, clean=False)
    return Close(code=ABNORMAL, reason=broken, ours=False, clean=False)


def oversize(close: Close) -> bool:
    """Whether we closed because the server sent more than we take."""
    return close.ours and not close.clean and close.code == WSCloseCode.MESSAGE_TOO_BIG.value
