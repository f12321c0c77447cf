"""A transfer that we asked for: our REFER, followed to its end; no stack in here (RFC 3515).

             202                NOTIFY 1xx              NOTIFY 2xx..6xx
    SENT ─────────> ACCEPTED ──────────────> ACCEPTED ──────────────────> DONE
      └── 3xx..6xx, no response, no NOTIFY in time, subscription or leg over ──^

Exactly one final ``ReferProgress`` comes, whatever the other side does.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from sip.events import ReferProgress
from sip.message import Headers, Message, parse_message

__all__ = ["FIRST_NOTIFY_S", "OUTCOME_S", "UNKNOWN", "Transfer"]

FIRST_NOTIFY_S: Final = 32.0
"""How long a NOTIFY may be missing after the REFER: RFC 6665's timer N."""
OUTCOME_S: Final = 180.0
"""How long it may be silent between two NOTIFYs: a telephone rings without a word."""
UNKNOWN: Final = 0
"""The code of an end that nobody told the outcome of."""


class TransferState(Enum):
    """How far it has come."""

    SENT = auto()
    ACCEPTED = auto()
    DONE = auto()


class Transfer:
    """What became of one REFER, as ``ReferProgress`` of its leg."""

    def __init__(self, leg: str, *, emit: Callable[[ReferProgress], None], now: float) -> None:
        self.state = TransferState.SENT
        self.due = now + FIRST_NOTIFY_S
        """Loop time (s) at which silence becomes the end of it."""
        self._leg = leg
        self._emit = emit

    @property
    def done(self) -> bool:
        """Whether its final event has been told."""
        return self.state is TransferState.DONE

    def responded(self, code: int, reason: str, headers: Headers | None = None) -> None:
        """The REFER itself was answered, or came to nothing (408, 503)."""
        silent = headers is not None and headers.first("Refer-Sub").lower().startswith("false")
        match self.state, code // 100:
            case TransferState.SENT, 2 if silent:  # RFC 4488: no NOTIFY will come
                self._tell(code, reason, final=True)
            case TransferState.SENT, 2:
                self.state = TransferState.ACCEPTED
            case TransferState.SENT, 3 | 4 | 5 | 6:
                self._tell(code, reason, final=True)

    def notified(self, message: Message, now: float) -> None:
        """A NOTIFY came; it may overtake the 202 (RFC 3515 section 2.4.4)."""
        code, reason = _status(message.body)
        state, why = _subscription(message.headers)
        match self.state, code // 100, state:
            case TransferState.DONE, _, _:
                return
            case _, 2 | 3 | 4 | 5 | 6, _:
                self._tell(code, reason, final=True)
            case _, _, "terminated":
                self._tell(UNKNOWN, f"subscription ended: {why or 'no reason'}", final=True)
            case _, 1, _:
                self.state, self.due = TransferState.ACCEPTED, now + OUTCOME_S
                self._tell(code, reason, final=False)

    def tick(self, now: float) -> None:
        """Time passes."""
        if self.state is not TransferState.DONE and now >= self.due:
            self._tell(UNKNOWN, "no NOTIFY came", final=True)

    def lost(self) -> None:
        """The leg is over."""
        if self.state is not TransferState.DONE:
            self._tell(UNKNOWN, "the leg ended before the outcome was told", final=True)

    def _tell(self, code: int, reason: str, *, final: bool) -> None:
        if final:
            self.state = TransferState.DONE
        self._emit(ReferProgress(leg=self._leg, code=code, reason=reason, final=final))


def _status(sipfrag: str) -> tuple[int, str]:
    """The status line of a message/sipfrag (RFC 3420); 0 where there is none to read."""
    try:
        line = parse_message(sipfrag)
    except ValueError:
        return 0, ""
    return line.code, line.reason.strip()


def _subscription(headers: Headers) -> tuple[str, str]:
    """State and reason in Subscription-State (RFC 6665 section 8.2.3)."""
    state, *params = headers.first("Subscription-State").split(";")
    named = dict(param.strip().lower().partition("=")[::2] for param in params)
    return state.strip().lower(), named.get("reason", "")
