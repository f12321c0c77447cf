"""What comes in from outside: requests that belong to no call yet, and what callers ask for."""

import time
from typing import Final

from sip.commands import Refusal
from sip.dialog import Dialog
from sip.events import ReferRequested
from sip.gate import MISPLACED, NOT_ALLOWED, STRANGER, Gate
from sip.invitation import read_invite
from sip.keys import has_keys
from sip.message import Message
from sip.negotiation import media_host
from sip.pjsua.build import CAN_SCREEN
from sip.pjsua.call import Call
from sip.pjsua.calls import Calls
from sip.pjsua.directors import Account
from sip.pjsua.trunks import Trunks
from sip.settings import Settings
from sip.stack import Hooks, StackStats
from sip.transfer_policy import MALFORMED, PENDING, TransferPolicy
from sip.trunk import parse_host_port

__all__ = ["Reception"]

NO_TRUNK: Final = "no trunk has this address"


class Reception:
    """Tells whose a request is, and takes calls in or has them refused; lives on the SIP thread."""

    def __init__(
        self,
        settings: Settings,
        hooks: Hooks,
        stats: StackStats,
        *,
        gate: Gate,
        calls: Calls,
        trunks: Trunks,
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._stats = stats
        self._gate = gate
        self._calls = calls
        self._trunks = trunks
        self._policy = TransferPolicy(stats)

    def account_for(self, message: Message, source: str) -> int:
        """Number of the account that takes a request from outside any dialog."""
        trunk = self._gate.identify(source, message.request_uri)
        if message.method == "INVITE":
            self._stats.invites += 1
        if trunk is None:
            self._gate.turn_away(source, message.method, NO_TRUNK, time.monotonic())
        if message.sdp and not has_keys(message.sdp, self._trunks.suites):
            trunk = None  # the doorstep knows no encryption: 488, where others say 406
        return self._trunks.number(trunk.name if trunk else None)

    def incoming(self, call: Call, account: Account, message: Message, source: str) -> None:
        """An INVITE came in for an account."""
        self._calls.add(call)
        if account.member is None:
            self._calls.refuse(call, STRANGER)
            return
        trunk, address = account.member.trunk, parse_host_port(source)
        replaces = self._policy.replaced(
            trunk, message.headers, self._calls.dialogs, self._calls.over
        )
        if isinstance(replaces, Refusal):
            self._calls.refuse(call, replaces)
            return
        full = self._calls.legs >= self._settings.max_calls
        media = self._gate.admit(media_host(message.sdp, signalling=address[0]), full=full)
        if isinstance(media, Refusal):
            self._calls.refuse(call, media)
            return
        try:
            invite = read_invite(call.key, trunk, message, address, media, replaces=replaces)
        except Exception:
            self._hooks.unlease(media)
            raise
        call.media, call.codecs, call.suites = media, self._settings.codecs, self._trunks.suites
        call.comfort_noise = self._settings.comfort_noise
        call.dialog = Dialog(call.key, outbound=False, emit=self._hooks.emit)
        call.dialog.received(message)
        self._hooks.emit(invite)

    def asked(self, message: Message, source: str) -> Refusal | None:
        """What to answer a request outside any dialog; None: PJSIP goes on with it."""
        method = message.method
        if method == "OPTIONS":
            return self._gate.refusal  # a proxy that probes sends its calls elsewhere then
        host, _ = parse_host_port(source)
        trunk = self._gate.identify(host, message.request_uri)
        answer: Refusal | None
        if trunk is None:
            self._gate.turn_away(host, method, NO_TRUNK, time.monotonic())
            answer = STRANGER
        elif method == "INVITE":
            answer = self._gate.closed(full=self._calls.legs >= self._settings.max_calls)
        elif "Replaces" in message.headers:  # RFC 3891 section 3: of an INVITE alone
            answer = MALFORMED
        elif method == "REFER":
            answer = self._policy.decline_refer(trunk)
        else:
            answer = MISPLACED.get(method, NOT_ALLOWED)
        self._stats.invites += method == "INVITE" and answer is not None
        return answer

    def refer(self, call: Call, message: Message) -> ReferRequested | Refusal:
        """The other side of a call asks for a transfer: what it gets."""
        assert call.trunk is not None
        if not CAN_SCREEN:
            return self._policy.decline_refer(call.trunk)
        up = call.dialog is not None and call.dialog.answered
        if not up or (call.referral is not None and call.referral.isActive()):
            return PENDING
        return self._policy.refer(call.trunk, message, call.key, self._calls.dialogs)
