"""The calls PJSIP carries: what commands do to them, and how they go.

A Call is dropped in its DISCONNECTED callback, where PJSIP has let go of it: any later, its
number may be another call's, and the destructor would hang that one up.
"""

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pjsua2 as pj

from sip.commands import (
    HangUp,
    Hold,
    LegCommand,
    NotifyRefer,
    Refer,
    Refusal,
    Reoffer,
    Respond,
    SendInfo,
)
from sip.dialog import Dialog
from sip.pjsua.call import Call
from sip.pjsua.config import call_param
from sip.pjsua.offers import Offers
from sip.pjsua.requests import notify, refer, send_info
from sip.replaces import DialogId
from sip.stack import SipError
from sip.transfer import Transfer

__all__ = ["Calls"]

log = logging.getLogger("sip.pjsua")

DECLINED: Final = 480
"""How an inbound call is refused when nobody says how."""
REMEMBERED: Final = 256
"""Dialogs that are over, and that somebody may still want to replace: the last ones."""


class Calls:
    """Every call by its leg's id; calls being refused have no leg, and an id all the same."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._changed: list[Call] = []
        self._stumbled: list[Call] = []
        self._fresh: list[Call] = []
        self._referring: list[Transfer] = []
        self._referred: list[Call] = []
        self.over: deque[DialogId] = deque(maxlen=REMEMBERED)
        self.offers = Offers()
        self._concluded: list[Any] = []
        """Referrals to be let go when PJSIP is not in the midst of their dialog."""

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def legs(self) -> int:
        """Calls that are legs."""
        return sum(call.dialog is not None for call in self._calls.values())

    @property
    def dialogs(self) -> Iterator[Dialog]:
        """Of the legs."""
        return (call.dialog for call in self._calls.values() if call.dialog is not None)

    def get(self, leg: str) -> Call | None:
        """The call of a leg that is alive."""
        return self._calls.get(leg)

    def add(self, call: Call) -> None:
        """Keep a call from now until PJSIP is through with it."""
        self._calls[call.key] = call
        self._fresh.append(call)

    def forget(self, call: Call) -> None:
        """PJSIP is through with it."""
        self._calls.pop(call.key, None)
        self.offers.forget(call)
        self._bury(call.dialog)
        self._concluded.append(call.referral)
        call.referral = None

    def referred(self, call: Call) -> None:
        """It asked for a transfer, and got 202."""
        self._referred.append(call)

    def changed(self, call: Call) -> None:
        """Its media changed, or it may be hung up now."""
        self._changed.append(call)

    def stumbled(self, call: Call) -> None:
        """A callback of it failed."""
        self._stumbled.append(call)

    def settle(self, now: float) -> None:
        """What has to wait until PJSIP and the commands are through, or for its time."""
        for transfer in self._referring:
            transfer.tick(now)
        self._referring = [each for each in self._referring if not each.done]
        self._concluded.clear()
        self.offers.settle(now, self._calls.get)
        while self._changed:
            self._look_at(self._changed.pop())
        while self._referred:  # RFC 3515 section 2.4.4: a NOTIFY follows at once
            notify(self._referred.pop(), 100, "Trying")
        while self._stumbled:
            self.end(self._stumbled.pop(), 500, "Server Internal Error")
        while self._fresh:
            self._check(self._fresh.pop())

    def make(self, call: Call, uri: str, param: object) -> None:
        """Send an INVITE. Raises SipError."""
        self._calls[call.key] = call
        try:
            call.makeCall(uri, param)
        except pj.Error as error:
            self.forget(call)
            raise SipError(f"cannot call {uri}: {error.reason}") from None

    def steer(self, call: Call, command: LegCommand) -> None:
        """Carry out a command for one call. Raises SipError, ValueError, pj.Error."""
        match command:
            case Respond():
                self._respond(call, command)
            case HangUp():
                self.end(call, command.code, command.reason, command.headers)
            case Hold() | Reoffer():
                self.offers.make(call, command)
            case SendInfo():
                send_info(call, command)
            case Refer():
                other = self._calls.get(command.replaces) if command.replaces else None
                self._referring.append(refer(call, command, other))
            case NotifyRefer():
                if not notify(call, command.code, command.reason):
                    raise SipError("it asked for no transfer, or wants to know no more")

    def refuse(self, call: Call, refusal: Refusal) -> None:
        """Answer an INVITE that becomes no leg; PJSIP sends it when its callback has returned."""
        headers = {}
        if refusal.retry_after_s is not None:
            headers["Retry-After"] = str(refusal.retry_after_s)
        call.answer(call_param(refusal.code, reason=refusal.reason, headers=headers))

    def end(
        self, call: Call, code: int, reason: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """BYE, CANCEL or a final response, whichever fits; what cannot be sent is let go."""
        if call.key not in self._calls:
            return
        dialog = call.dialog
        if dialog is not None and dialog.accepted and not dialog.answered:
            self._end_later(call, dialog, headers)
            return
        final = code if code >= 300 else DECLINED
        if dialog is not None and dialog.answered:
            sent, said = 0, (200, "OK")
        elif dialog is not None and dialog.outbound:
            sent, said = 0, (487, "Request Terminated")
        else:
            sent, said = final, (final, reason)
        carried = call.unsaid(headers) if sent else headers
        param = call_param(sent, reason=reason if sent else "", headers=carried)
        if dialog is not None:
            dialog.leave(*said)
        try:
            call.hangup(param)
        except pj.Error as error:
            log.debug("= leg %s was over: %s", call.key, error.reason)
            if dialog is not None:
                dialog.disconnected(*said)
            self.forget(call)

    def _end_later(self, call: Call, dialog: Dialog, headers: Mapping[str, str] | None) -> None:
        """Send BYE when our 200 has been acknowledged (RFC 3261 section 15).

        PJSIP would keep it back by itself, and send it without our headers. Where no ACK comes
        it ends the call in the end.
        """
        call.parting = call_param(headers=headers)
        dialog.leave(200, "OK")
        dialog.disconnected(200, "OK")
        self._bury(dialog)
        call.dialog = None

    def _bury(self, dialog: Dialog | None) -> None:
        if dialog is not None and dialog.id is not None:
            self.over.append(dialog.id)

    def end_all(self) -> None:
        """End every call that is left."""
        for call in list(self._calls.values()):
            self.end(call, 503, "Service Unavailable")

    def drop(self) -> None:
        """Let every call go, before the library itself does."""
        for call in self._calls.values():
            if call.dialog is not None:
                call.dialog.disconnected(503, "Service Unavailable")
            call.referral = None
        self._concluded.clear()
        for group in (self._changed, self._stumbled, self._fresh, self._referred, self._calls):
            group.clear()

    def _respond(self, call: Call, command: Respond) -> None:
        if command.code >= 300:
            self.end(call, command.code, command.reason, command.headers)
            return
        with_sdp = command.code >= 183
        call.answer(
            call_param(
                command.code,
                reason=command.reason,
                headers=call.unsaid(command.headers),
                with_media=with_sdp,
            )
        )
        if call.dialog is not None and command.code == 200:
            call.dialog.accepted = True

    def _look_at(self, call: Call) -> None:
        if call.dialog is None:
            if call.parting is not None and call.key in self._calls and call.confirmed:
                call.hangup(call.parting)
            return
        call.dialog.settle()
        if call.dialog.fault:
            log.warning("= leg %s: %s", call.key, call.dialog.fault)
            self.end(call, 488, "Not Acceptable Here")

    def _check(self, call: Call) -> None:
        """PJSIP drops a call without a word when it cannot answer the INVITE's SDP."""
        if call.key not in self._calls or call.isActive():
            return
        if call.dialog is not None:
            call.dialog.disconnected(488, "Not Acceptable Here")
        self.forget(call)
