"""PJSIP's callbacks that belong to no call; see ``call`` for what all callbacks keep to."""

import contextlib
import functools
import logging
from typing import Any, Final

import pjsua2 as pj

from sip.crypto import hide_keys
from sip.gate import BAD_EVENT, NOT_ALLOWED, Member
from sip.message import Message, parse_message
from sip.pjsua.build import CAN_SCREEN
from sip.pjsua.call import Call
from sip.pjsua.owner import Owner, guarded
from sip.trunk import parse_host_port

__all__ = ["Account", "Endpoint", "Log", "Screen"]

log = logging.getLogger("sip.pjsua")

TP_DISCONNECTED: Final = 1
"""PJSIP_TP_STATE_DISCONNECTED, which the binding does not name."""
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY, PRACK, REFER, UPDATE"
"""What we understand, some of it within a call alone."""


class Endpoint(pj.Endpoint):  # type: ignore[misc]
    """PJSIP's library callbacks."""

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner

    @guarded
    def onSelectAccount(self, prm: Any) -> None:  # noqa: N802
        rdata = prm.rdata
        message = _read(rdata.wholeMsg)
        source, _ = parse_host_port(rdata.srcAddress)
        prm.accountIndex = self.owner.account_for(message, source)

    @guarded
    def onTransportState(self, prm: Any) -> None:  # noqa: N802
        if prm.state != TP_DISCONNECTED:
            return
        why, tls = prm.lastError, prm.tlsInfo
        text = self.utilStrError(why) if why else ""
        if not tls.isEmpty() and tls.verifyStatus:
            verdicts = tls.verifyMsgs
            text = f"{tls.remoteAddr}: {', '.join(verdicts) or text}"
        self.owner.connection_lost(str(prm.type), text)

    @guarded
    def onRejectedIncomingCall(self, prm: Any) -> None:  # noqa: N802
        rdata = prm.rdata
        text = rdata.wholeMsg
        offer = _read(text).sdp if text else ""
        self.owner.rejected(prm.statusCode, prm.reason, prm.remoteInfo, offer)

    def stumbled(self) -> None:
        """Nothing hangs on it."""


class Account(pj.Account):  # type: ignore[misc]
    """A trunk as PJSIP knows it; without a member, the account that strangers reach."""

    def __init__(self, owner: Owner, member: Member | None) -> None:
        super().__init__()
        self.owner = owner
        self.member = member

    @guarded
    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        rdata = prm.rdata
        message = _read(rdata.wholeMsg)
        call = Call(self.owner, self, prm.callId)
        try:
            self.owner.incoming(call, self, message, rdata.srcAddress)
        except Exception:
            self.owner.stumbled(call)
            raise

    @guarded
    def onIncomingSubscribe(self, prm: Any) -> None:  # noqa: N802
        """We have no presence to tell; unrefused, PJSIP would notify whoever asks."""
        prm.code, prm.reason = (403, "Forbidden") if self.member is None else (489, "Bad Event")

    @guarded
    def onInstantMessage(self, prm: Any) -> None:  # noqa: N802
        """Refused where PJSIP lets us (2.16 on); before, it says 200 by itself."""
        if not hasattr(pj, "DeferredResponse"):
            return
        answer = pj.SendResponseParam()
        answer.deferredResponse = pj.DeferredResponse(prm)
        answer.code, answer.reason = (
            (403, "Forbidden") if self.member is None else (405, "Method Not Allowed")
        )
        self.sendResponse(answer)

    @guarded
    def onRegState(self, prm: Any) -> None:  # noqa: N802
        if self.member is None:
            return
        self.owner.registered(self.member, prm)

    def stumbled(self) -> None:
        """The next REGISTER will tell."""


class Screen(pj.RequestGate if CAN_SCREEN else object):  # type: ignore[misc]
    """Sees requests outside any dialog before PJSIP does; only our build of it asks."""

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner

    @guarded
    def onRequest(self, prm: Any) -> None:  # noqa: N802
        rdata = prm.rdata
        message = _read(rdata.wholeMsg)
        prm.hideReplaces = True
        refusal = self.owner.asked(message, rdata.srcAddress)
        if refusal is None:
            return
        prm.statusCode, prm.reason = refusal.code, refusal.reason
        if refusal.retry_after_s is not None:
            prm.headers.append(_header("Retry-After", str(refusal.retry_after_s)))
        if refusal.code == NOT_ALLOWED.code:
            prm.headers.append(_header("Allow", ALLOW))
        if refusal.code == BAD_EVENT.code:
            prm.headers.append(_header("Allow-Events", "refer"))

    def stumbled(self) -> None:
        """PJSIP goes on with the request."""


@functools.lru_cache(maxsize=1)
def _read(text: str) -> Message:
    """A request, which PJSIP shows up to three times on its way to becoming a call."""
    return parse_message(text)


def _header(name: str, value: str) -> Any:
    header = pj.SipHeader()
    header.hName, header.hValue = name, value
    return header


class Log(pj.LogWriter):  # type: ignore[misc]
    """PJSIP's own log, which holds whole messages, at DEBUG."""

    def write(self, entry: Any) -> None:
        with contextlib.suppress(Exception):
            log.debug("%% %s", hide_keys(entry.msg.rstrip()))
