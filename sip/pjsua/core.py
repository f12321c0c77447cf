"""Everything pjsua2, on one thread: the library, its accounts and its calls.

RTP is not PJSIP's: calls use its loop media transport, no sound device, and their SDP names our
own sockets.
"""

import gc
import logging
import time
from ipaddress import ip_address
from typing import Any, Final

import pjsua2 as pj

from sip.dialog import Dialog
from sip.doorbell import Doorbell
from sip.events import ReferRequested
from sip.gate import FULL, MISPLACED, NOT_ALLOWED, STRANGER, Gate, Member
from sip.invitation import read_invite
from sip.keys import has_keys
from sip.message import Message
from sip.negotiation import media_host
from sip.pjsua.build import CAN_SCREEN, muted, suites
from sip.pjsua.call import Call
from sip.pjsua.calls import Calls
from sip.pjsua.config import call_param
from sip.pjsua.directors import Account, Endpoint, Screen
from sip.pjsua.opening import choose_codecs, create_endpoint, listen_on, open_screen, wanted
from sip.pjsua.trunks import Trunks
from sip.stack import (
    Admit,
    Command,
    Dial,
    Hooks,
    Listen,
    Probe,
    Refusal,
    Settings,
    StackStats,
    Trust,
)
from sip.transfer_policy import PENDING, TransferPolicy
from sip.trunk import parse_host_port

__all__ = ["Core"]

log = logging.getLogger("sip.pjsua")

FAREWELL_S: Final = 3.0
"""How long the exit waits for registrars to let go and for BYEs to be answered."""
QUIET_MS: Final = 200
"""Nothing coming in for this long means that all BYEs are answered."""
NO_TRUNK: Final = "no trunk has this address"
PRIVATE: Final = Listen(transport="udp", host="127.0.0.1", port=0)
"""A listener for the doorbell alone, where no other is on UDP."""


class Core:
    """Owns the Endpoint, the Accounts and the Calls. Every method runs on the SIP thread."""

    def __init__(self, settings: Settings, hooks: Hooks, stats: StackStats) -> None:
        self._settings = settings
        self._hooks = hooks
        self._stats = stats
        self._gate = Gate(settings.trunks, hooks=hooks, stats=stats)
        self._policy = TransferPolicy(stats)
        self._calls = Calls()
        self._trunks = Trunks(self, self._gate)
        self._endpoint: Endpoint | None = None
        self._screen: Screen | None = None
        self._suites: tuple[str, ...] = ()
        """Of SRTP, as far as both PJSIP and the media side have them."""

    # Opening and turning.

    def open(self) -> tuple[Listen, ...]:
        """Start PJSIP, open the listeners, register. Raises ListenError, SipError, pj.Error."""
        endpoint = self._endpoint = create_endpoint(self, self._settings)
        self._screen = open_screen(self, self._settings)
        opened = [listen_on(endpoint, each, self._settings) for each in wanted(self._settings)]
        listening = tuple(each.listen for each in opened)
        for each in listening:
            log.info("= listening on %s", each)
        host = self._settings.public_address or next((e.host for e in opened), "localhost")
        endpoint.libStart()
        choose_codecs(endpoint, self._settings.codecs)
        ipv6 = any(ip_address(each.host).version == 6 for each in listening)
        self._suites = suites(self._settings.srtp_suites)
        self._trunks.open(endpoint, self._settings, host=host, ipv6=ipv6, suites=self._suites)
        return listening

    def doorbell(self, listening: tuple[Listen, ...]) -> Doorbell:
        """A way to wake the poll: a UDP listener."""
        assert self._endpoint is not None
        listen = next((each for each in listening if each.transport == "udp"), None)
        if listen is None:
            listen = listen_on(self._endpoint, PRIVATE, self._settings).listen
        return Doorbell((listen.host, listen.port))

    def poll(self, longest: float) -> None:
        """Let PJSIP work; returns when something happened, or after ``longest`` seconds."""
        assert self._endpoint is not None
        due = self._gate.due
        if due is not None:
            longest = max(0.0, min(longest, due - time.monotonic()))
        self._endpoint.libHandleEvents(int(longest * 1000))

    def settle(self) -> None:
        """What has to wait until PJSIP and the commands are through."""
        now = time.monotonic()
        self._calls.settle(now)
        self._trunks.settle(now)

    def obey(self, command: Command) -> None:
        """Carry out one command. Raises SipError, ValueError, pj.Error."""
        match command:
            case Dial():
                self._dial(command)
            case Admit():
                self._gate.refusal = command.refuse
            case Probe():
                pass
            case Trust():
                if member := self._gate.members.get(command.trunk):
                    member.resolved = command.addresses
            case _:
                if call := self._calls.get(command.leg):
                    self._calls.steer(call, command)

    # Callbacks (directors.Owner).

    def account_for(self, message: Message, source: str) -> int:
        """Number of the account that takes a request from outside any dialog."""
        trunk = self._gate.identify(source, message.request_uri)
        if message.method == "INVITE":
            self._stats.invites += 1
        if trunk is None:
            self._gate.turn_away(source, message.method, NO_TRUNK, time.monotonic())
        if message.sdp and not has_keys(message.sdp, self._suites):
            trunk = None  # the doorstep knows no encryption: 488, where others say 406
        return self._trunks.number(trunk.name if trunk else None)

    def incoming(self, call: Call, account: Account, message: Message, source: str) -> None:
        """An INVITE came in for an account."""
        self._calls.add(call)
        if account.member is None:
            self._calls.refuse(call, STRANGER)
            return
        trunk, address = account.member.trunk, parse_host_port(source)
        replaces = self._policy.replaced(trunk, message.headers, self._calls.dialogs)
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
        call.media, call.codecs, call.suites = media, self._settings.codecs, self._suites
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

    def referred(self, call: Call, event: ReferRequested) -> None:
        """It got 202."""
        self._calls.referred(call)
        self._hooks.emit(event)

    def registered(self, member: Member, answer: Any) -> None:
        """A REGISTER was answered, or came to nothing."""
        assert self._endpoint is not None
        self._trunks.registered(member, answer, self._endpoint.utilStrError)

    def connection_lost(self, transport: str, why: str) -> None:
        """A TCP or TLS connection is gone."""
        self._trunks.connection_lost(transport, why)

    def rejected(self, code: int, reason: str, remote: str) -> None:
        """PJSIP refused an INVITE by itself."""
        self._stats.rejected += 1
        log.info("> %d %s to INVITE from %s", code, reason, remote)

    def changed(self, call: Call) -> None:
        """The call's media changed, or it may be hung up now."""
        self._calls.changed(call)

    def stumbled(self, call: Call) -> None:
        """A callback of this call failed: it has to go."""
        self._calls.stumbled(call)

    def forget(self, call: Call) -> None:
        """PJSIP is through with the call."""
        self._calls.forget(call)

    def _dial(self, command: Dial) -> None:
        account = self._trunks.account(command.trunk)
        call = Call(self, account)
        call.key, call.media = command.leg, command.media
        call.codecs, call.suites = command.codecs or self._settings.codecs, self._suites
        call.dialog = Dialog(command.leg, outbound=True, emit=self._hooks.emit)
        identity = self._trunks.identity(account, command)
        param = call_param(headers=command.headers, local_uri=identity, with_media=True)
        self._calls.make(call, command.uri, param)
        self._stats.dialled += 1

    # Closing.

    def leave(self) -> None:
        """End what is left and unregister; waits, bounded, until the other sides know."""
        assert self._endpoint is not None
        self._gate.refusal = FULL
        waiting = len(self._calls) > 0
        self._calls.end_all()
        self._trunks.unregister()
        deadline = time.monotonic() + FAREWELL_S
        while (waiting or self._trunks.held) and time.monotonic() < deadline:
            quiet = self._endpoint.libHandleEvents(QUIET_MS) <= 0
            waiting = waiting and not quiet

    def close(self) -> None:
        """Give everything back to PJSIP, calls and accounts first, then the library."""
        self._calls.drop()
        self._trunks.close()
        if self._screen is not None:
            self._screen.shut()
        gc.collect()
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is None:
            return
        with muted():
            endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG | pj.PJSUA_DESTROY_NO_TX_MSG)
        del endpoint
        gc.collect()
