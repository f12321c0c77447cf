"""One INVITE dialog of PJSIP: what it reports, turned into plain values for the thread's owner.

No exception leaves a callback: PJSIP's C++ would go on without it, and the traceback would keep
the Call past ``libDestroy``, which aborts the process. Every pjsua2 result is bound to a name
before its parts are read: they point into it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from sip.comfort_noise import ComfortNoise, with_noise
from sip.commands import Refusal
from sip.description import SdpError
from sip.dialog import Dialog
from sip.keys import answer_keys
from sip.media import MediaAddress
from sip.message import Message, parse_message
from sip.midcall import answer_to
from sip.negotiation import Negotiated
from sip.pjsua.build import CAN_SCREEN
from sip.pjsua.owner import Owner, guarded
from sip.sdp import prefer, readdress, restrict, share_port
from sip.transfer import Transfer
from sip.transfer_policy import DECLINE, PENDING
from sip.trunk import new_token, parse_host_port

if TYPE_CHECKING:
    from sip.pjsua.directors import Account

__all__ = ["Call"]


class Call(pj.Call):  # type: ignore[misc]
    """One INVITE dialog. Without a ``dialog`` it is being refused and nobody hears of it."""

    __hash__ = object.__hash__

    def __init__(self, owner: Owner, account: "Account", number: int = -1) -> None:
        super().__init__(account, number)
        self.owner = owner
        self.key = new_token()
        self.dialog: Dialog | None = None
        self.media: MediaAddress | None = None
        self.codecs: tuple[str, ...] = ()
        self.suites: tuple[str, ...] = ()
        self.comfort_noise = ComfortNoise.OFF
        self.trunk = account.member.trunk if account.member is not None else None
        self.referral: Any = None
        """The transfer that the other side asks for, and awaits the outcome of."""
        self.parting: Any = None
        """How it is hung up when our 200 has been acknowledged; its leg is over."""
        self._text = ""
        self._read: Message
        self._said: set[tuple[str, str]] = set()

    def unsaid(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        """Headers of a response to the INVITE without those that PJSIP has already.

        It writes each response over the one before, and keeps the headers of that.
        """
        fresh = {
            name: value
            for name, value in (headers or {}).items()
            if (name.lower(), value) not in self._said
        }
        self._said |= {(name.lower(), value) for name, value in fresh.items()}
        return fresh

    @property
    def _referring(self) -> bool:
        """Whether one side has asked the other for a transfer."""
        return self.referral is not None or (
            self.dialog is not None and self.dialog.transfer is not None
        )

    @property
    def confirmed(self) -> bool:
        """Whether 2xx and ACK have passed."""
        info = self.getInfo()
        return bool(info.state == pj.PJSIP_INV_STATE_CONFIRMED)

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
            sdp = share_port(readdress(sdp, self.media), remote)
        else:
            sdp = readdress(restrict(sdp, self.codecs), self.media)
        if self._may_have_noise(offering=not remote):
            sdp = with_noise(sdp, remote)
        ours.wholeSdp = sdp

    def _may_have_noise(self, *, offering: bool) -> bool:
        if offering:
            return self.comfort_noise is ComfortNoise.OFFER
        return self.comfort_noise is not ComfortNoise.OFF

    @guarded
    def onCallState(self, prm: Any) -> None:  # noqa: N802
        event = prm.e
        info = self.getInfo()
        if self.dialog is not None:
            self._report(self.dialog, info, self._message(event, self.dialog))
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.owner.forget(self)
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED and self.parting is not None:
            self.owner.changed(self)

    @guarded
    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        if self.dialog is None:
            return
        event = prm.e
        message = self._message(event, self.dialog)
        body = event.body
        if message is None:
            if self.dialog.transfer is not None and event.type == pj.PJSIP_EVENT_TSX_STATE:
                _unanswered(body.tsxState, self.dialog.transfer)
        elif message.method == "INVITE" and message.code == PENDING.code:
            self.owner.crossed(self)
        elif message.method == "REFER" and not message.code:
            self._refer(body.tsxState, message)
        elif not message.code and (code := answer_to(message, referring=self._referring)):
            _reply(body.tsxState, code)

    @guarded
    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """Unrefused, PJSIP would call whomever the other side names."""
        prm.statusCode = DECLINE.code

    @guarded
    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """Unrefused, PJSIP would answer in place of this call."""
        prm.statusCode, prm.reason = DECLINE.code, DECLINE.reason

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

    def _refer(self, state: Any, message: Message) -> None:
        """Answer a REFER before PJSIP does, which only knows to decline it."""
        tsx, source = state.tsx, state.src
        if tsx.role != pj.PJSIP_ROLE_UAS or tsx.state != pj.PJSIP_TSX_STATE_TRYING:
            return
        verdict = self.owner.refer(self, message)
        if not CAN_SCREEN:
            return
        rdata = source.rdata
        if isinstance(verdict, Refusal):
            pj.Referral.refuse(rdata, verdict.code)
            return
        referral = pj.Referral.accept(rdata)
        if referral is not None:
            self.referral = referral
            self.owner.referred(self, verdict)

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


def _reply(state: Any, code: int) -> None:
    """Answer a request inside the dialog before PJSIP does."""
    tsx, source = state.tsx, state.src
    if CAN_SCREEN and tsx.role == pj.PJSIP_ROLE_UAS and tsx.state == pj.PJSIP_TSX_STATE_TRYING:
        pj.Referral.refuse(source.rdata, code)


def _unanswered(state: Any, transfer: Transfer) -> None:
    """Whether it is our REFER that nobody answered, or that could not be sent."""
    tsx = state.tsx
    if tsx.method == "REFER" and tsx.role == pj.PJSIP_ROLE_UAC and tsx.statusCode >= 300:
        transfer.responded(tsx.statusCode, tsx.statusText)
