"""Which transfers of others we take part in: REFER (RFC 3515) and Replaces (RFC 3891)."""

import logging
from collections.abc import Iterable
from typing import Final

from sip.commands import Refusal
from sip.dialog import Dialog
from sip.events import ReferRequested
from sip.invitation import read_refer
from sip.message import Headers, Message
from sip.replaces import DialogId, Replaces, parse_replaces
from sip.stack import StackStats
from sip.trunk import Trunk

__all__ = ["DECLINE", "MALFORMED", "PENDING", "TransferPolicy"]

log = logging.getLogger("sip.transfer")

DECLINE: Final = Refusal(code=603, reason="Decline")
MALFORMED: Final = Refusal(code=400, reason="Bad Request")
UNKNOWN_DIALOG: Final = Refusal(code=481, reason="Call/Transaction Does Not Exist")
BUSY: Final = Refusal(code=486, reason="Busy Here")
PENDING: Final = Refusal(code=491, reason="Request Pending")


class TransferPolicy:
    """Decides for each trunk; what it does not allow is declined and counted."""

    def __init__(self, stats: StackStats) -> None:
        self._stats = stats

    def refer(
        self, trunk: Trunk, message: Message, leg: str, dialogs: Iterable[Dialog]
    ) -> ReferRequested | Refusal:
        """Whom the other side of a leg wants called, or what to answer its REFER."""
        if not trunk.accept_refer:
            return self.decline_refer(trunk)
        try:
            return read_refer(leg, message, lambda replaces: _leg(_named(replaces, dialogs)))
        except ValueError as error:
            log.info("= trunk %s: %s", trunk.name, error)
            return MALFORMED

    def decline_refer(self, trunk: Trunk) -> Refusal:
        """A REFER that is not allowed, in a dialog or outside of any."""
        self._stats.refers_declined += 1
        log.info("= trunk %s may not have us call others", trunk.name)
        return DECLINE

    def replaced(
        self,
        trunk: Trunk,
        headers: Headers,
        dialogs: Iterable[Dialog],
        over: Iterable[DialogId] = (),
    ) -> str | Refusal | None:
        """The leg that a trunk's INVITE is to take the place of, or what to answer it.

        None: the INVITE stands for itself. `over` are dialogs that have ended.
        """
        values = headers.get("Replaces", ())
        if not values:
            return None
        if not trunk.accept_replaces:
            self._stats.replaces_declined += 1
            log.info("= trunk %s may not replace calls", trunk.name)
            return DECLINE
        try:
            replaces = parse_replaces(",".join(values))  # several: RFC 3891 section 3 allows one
        except ValueError as error:
            log.info("= trunk %s: %s", trunk.name, error)
            return MALFORMED
        if any(replaces.names(each) for each in over):
            return DECLINE
        return _replaceable(replaces, _named(replaces, dialogs))


def _replaceable(replaces: Replaces, dialog: Dialog | None) -> str | Refusal:
    """RFC 3891 section 3: a call that is up, or one that we make and that rings."""
    if dialog is None or not (dialog.answered or dialog.outbound):
        return UNKNOWN_DIALOG
    if replaces.early_only and dialog.answered:
        return BUSY
    return dialog.leg


def _named(replaces: Replaces, dialogs: Iterable[Dialog]) -> Dialog | None:
    return next((dialog for dialog in dialogs if dialog.is_meant(replaces)), None)


def _leg(dialog: Dialog | None) -> str | None:
    return None if dialog is None else dialog.leg
