"""Who PJSIP's callbacks report to, and what keeps them from letting an error out."""

import functools
import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from sip.commands import Refusal
from sip.events import ReferRequested
from sip.gate import Member
from sip.message import Message

if TYPE_CHECKING:
    from sip.pjsua.call import Call
    from sip.pjsua.directors import Account

__all__ = ["Owner", "guarded"]

log = logging.getLogger("sip.pjsua")


class Owner(Protocol):
    """Who the callbacks report to; all on the SIP thread."""

    def account_for(self, message: Message, source: str) -> int:
        """Number of the account that takes a request from outside any dialog."""

    def incoming(self, call: "Call", account: "Account", message: Message, source: str) -> None:
        """An INVITE came in for an account."""

    def registered(self, member: Member, answer: Any) -> None:
        """A REGISTER was answered, or came to nothing."""

    def connection_lost(self, transport: str, why: str) -> None:
        """A TCP or TLS connection is gone."""

    def rejected(self, code: int, reason: str, remote: str, offer: str) -> None:
        """PJSIP refused an INVITE by itself; ``offer`` is its SDP."""

    def asked(self, message: Message, source: str) -> Refusal | None:
        """What to answer a request outside any dialog; None: PJSIP goes on with it."""

    def refer(self, call: "Call", message: Message) -> ReferRequested | Refusal:
        """The other side of a call asks for a transfer: what it gets."""

    def referred(self, call: "Call", event: ReferRequested) -> None:
        """It got 202."""

    def changed(self, call: "Call") -> None:
        """Its media changed, or it may be hung up now: settled when the batch is through."""

    def crossed(self, call: "Call") -> None:
        """The call's offer met one of the other side."""

    def stumbled(self, call: "Call") -> None:
        """A callback of this call failed: it has to go."""

    def forget(self, call: "Call") -> None:
        """PJSIP is through with the call."""


def guarded(callback: Callable[..., None]) -> Callable[..., None]:
    """A director method that lets nothing out: an error is logged and ends the call, if any."""

    @functools.wraps(callback)
    def contained(self: Any, prm: Any) -> None:
        try:
            callback(self, prm)
        except Exception:
            # As text: a log record that kept the traceback would keep the Call in its frames.
            log.error("%s failed\n%s", callback.__qualname__, traceback.format_exc())
            self.stumbled()

    return contained
