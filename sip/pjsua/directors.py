"""PJSIP's callbacks: what it reports, turned into plain values for the thread's owner.

No exception leaves a callback: PJSIP's C++ would go on without it, and the traceback would keep
the Call past ``libDestroy``, which aborts the process. Every pjsua2 result is bound to a name
before its parts are read: they point into it.
"""

import contextlib
import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any, Final, Protocol

import pjsua2 as pj

from sip.crypto import hide_keys
from sip.dialog import Dialog
from sip.events import MediaAddress
from sip.gate import Member
from sip.message import Message, parse_message
from sip.sdp import Negotiated, SdpError, answer_keys, prefer, readdress, restrict, share_port
from sip.transfer import Transfer
from sip.trunk import new_token, parse_host_port

__all__ = ["Account", "Call", "Endpoint", "Log", "Owner", "guarded"]

log = logging.getLogger("sip.pjsua")

DECLINE: Final = 603
TP_DISCONNECTED: Final = 1
"""PJSIP_TP_STATE_DISCONNECTED, which the binding does not name."""


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

    def rejected(self, code: int, reason: str, remote: str) -> None:
        """PJSIP refused an INVITE by itself."""

    def declined(self, what: str) -> None:
        """A trunk asked for a REFER or a Replaces that it is not allowed."""

    def changed(self, call: "Call") -> None:
        """The call's media changed: settle it when the batch is through."""

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


class Endpoint(pj.Endpoint):  # type: ignore[misc]
    """PJSIP's library callbacks."""

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner

    @guarded
    def onSelectAccount(self, prm: Any) -> None:  # noqa: N802
        rdata = prm.rdata
        message = parse_message(rdata.wholeMsg)
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
        self.owner.rejected(prm.statusCode, prm.reason, prm.remoteInfo)

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
        message = parse_message(rdata.wholeMsg)
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


class Call(pj.Call):  # type: ignore[misc]
    """One INVITE dialog. Without a ``dialog`` it is being refused and nobody hears of it."""

    __hash__ = object.__hash__

    def __init__(self, owner: Owner, account: Account, number: int = -1) -> None:
        super().__init__(account, number)
        self.owner = owner
        self.key = new_token()
        self.dialog: Dialog | None = None
        self.media: MediaAddress | None = None
        self.codecs: tuple[str, ...] = ()
        self.suites: tuple[str, ...] = ()
        self._text = ""
        self._read: Message

    @guarded
    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        if self.media is None:
            return
        ours, theirs = prm.sdp, prm.remSdp
        sdp, remote = ours.wholeSdp, theirs.wholeSdp
        if not sdp:
            raise SdpError("this PJSIP build cannot hold a description of that length")
        if remote:
            sdp = answer_keys(prefer(sdp, remote, self.codecs), remote, self.suites)
            ours.wholeSdp = share_port(readdress(sdp, self.media), remote)
        else:
            ours.wholeSdp = readdress(restrict(sdp, self.codecs), self.media)

    @guarded
    def onCallState(self, prm: Any) -> None:  # noqa: N802
        event = prm.e
        info = self.getInfo()
        if self.dialog is not None:
            self._report(self.dialog, info, self._message(event, self.dialog))
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.owner.forget(self)

    @guarded
    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        if self.dialog is None:
            return
        event = prm.e
        if self._message(event, self.dialog) is None and self.dialog.transfer is not None:
            self._unanswered(event, self.dialog.transfer)

    @guarded
    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """Unrefused, PJSIP would call whomever the other side names."""
        prm.statusCode = DECLINE
        self.owner.declined("REFER")

    @guarded
    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """Unrefused, PJSIP would answer in place of this call."""
        prm.statusCode, prm.reason = DECLINE, "Decline"
        self.owner.declined("Replaces")

    @guarded
    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        if self.dialog is not None:
            self.dialog.media_changed(self._negotiated())
            self.owner.changed(self)

    def stumbled(self) -> None:
        self.owner.stumbled(self)

    def _negotiated(self) -> Negotiated | None:
        """The audio stream PJSIP made of the offer and the answer."""
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            try:
                stream = self.getStreamInfo(index)
            except pj.Error:
                continue
            event = stream.audTxEventPt
            return Negotiated(
                remote=parse_host_port(stream.remoteRtpAddress),
                remote_rtcp=parse_host_port(stream.remoteRtcpAddress),
                payload_type=stream.rxPt,
                event_payload_type=event if event >= 0 else None,
                sends=bool(stream.dir & pj.PJMEDIA_DIR_ENCODING),
                receives=bool(stream.dir & pj.PJMEDIA_DIR_DECODING),
            )
        return None

    @staticmethod
    def _unanswered(event: Any, transfer: Transfer) -> None:
        """Whether it is our REFER that nobody answered, or that could not be sent."""
        if event.type != pj.PJSIP_EVENT_TSX_STATE:
            return
        body = event.body
        state = body.tsxState
        tsx = state.tsx
        if tsx.method == "REFER" and tsx.role == pj.PJSIP_ROLE_UAC and tsx.statusCode >= 300:
            transfer.responded(tsx.statusCode, tsx.statusText)

    def _report(self, dialog: Dialog, info: Any, message: Message | None) -> None:
        if info.state == pj.PJSIP_INV_STATE_EARLY and message is not None and message.code:
            dialog.provisional(
                message.code,
                message.reason,
                early_media=bool(message.sdp),
                headers=message.headers,
            )
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            dialog.confirmed()
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            dialog.disconnected(info.lastStatusCode, info.lastReason)

    def _message(self, event: Any, dialog: Dialog) -> Message | None:
        """The SIP message behind an event, if there is one, shown to the dialog."""
        body = event.body
        kind = event.type
        if kind == pj.PJSIP_EVENT_TSX_STATE:
            state = body.tsxState
            kind, source = state.type, state.src
        elif kind == pj.PJSIP_EVENT_RX_MSG:
            source = body.rxMsg
        else:
            source = body.txMsg
        if kind == pj.PJSIP_EVENT_RX_MSG:
            data, show = source.rdata, dialog.received
        elif kind == pj.PJSIP_EVENT_TX_MSG:
            data, show = source.tdata, dialog.sent
        else:
            return None
        text = data.wholeMsg
        ours = kind == pj.PJSIP_EVENT_TX_MSG
        if not text or (ours and "application/sdp" not in text and text[:7] != "INVITE "):
            return None  # nothing that the dialog would read
        if text != self._text:  # PJSIP shows most messages twice, as two kinds of event
            self._text, self._read = text, parse_message(text)
        show(self._read)
        return self._read


class Log(pj.LogWriter):  # type: ignore[misc]
    """PJSIP's own log, which holds whole messages, at DEBUG."""

    def write(self, entry: Any) -> None:
        with contextlib.suppress(Exception):
            log.debug("%% %s", hide_keys(entry.msg.rstrip()))
