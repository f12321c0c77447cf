"""Everything pjsua2, on one thread: the library, its accounts and its calls.

RTP is not PJSIP's: calls use its loop media transport, no sound device, and their SDP names our
own sockets.
"""

import contextlib
import gc
import logging
import time
from ipaddress import ip_address
from typing import Any, Final

import pjsua2 as pj

from sip.dialog import Dialog
from sip.doorbell import Doorbell
from sip.gate import FULL, STRANGER, Gate, Member
from sip.invitation import read_invite
from sip.message import Message, parse_message
from sip.pjsua.build import call_param, muted, suites
from sip.pjsua.calls import Calls
from sip.pjsua.directors import Account, Call, Endpoint
from sip.pjsua.opening import (
    choose_codecs,
    connect_for,
    create_account,
    create_endpoint,
    listen_on,
    wanted,
)
from sip.sdp import has_keys, media_host
from sip.stack import (
    Admit,
    Command,
    Dial,
    Hooks,
    Listen,
    Refusal,
    Settings,
    SipError,
    StackStats,
    Trust,
)
from sip.trunk import RegistrationState, Trunk, parse_host_port, transport_of
from sip.uri import quote_display, quote_user

__all__ = ["Core"]

log = logging.getLogger("sip.pjsua")

FAREWELL_S: Final = 3.0
"""How long the exit waits for registrars to let go and for BYEs to be answered."""
QUIET_MS: Final = 200
"""Nothing coming in for this long means that all BYEs are answered."""
PRIVATE: Final = Listen(transport="udp", host="127.0.0.1", port=0)
"""A listener for the doorbell alone, where no other is on UDP."""


class Core:
    """Owns the Endpoint, the Accounts and the Calls. Every method runs on the SIP thread."""

    def __init__(self, settings: Settings, hooks: Hooks, stats: StackStats) -> None:
        self._settings = settings
        self._hooks = hooks
        self._stats = stats
        self._gate = Gate(settings.trunks, hooks=hooks, stats=stats)
        self._calls = Calls()
        self._endpoint: Endpoint | None = None
        self._accounts: dict[str, Account] = {}
        self._suites: tuple[str, ...] = ()
        """Of SRTP, as far as both PJSIP and the media side have them."""
        self._doorstep: Account | None = None
        self._host = settings.public_address or ""
        """Our own, in addresses that need one."""

    # Opening and turning.

    def open(self) -> tuple[Listen, ...]:
        """Start PJSIP, open the listeners, register. Raises ListenError, SipError, pj.Error."""
        endpoint = self._endpoint = create_endpoint(self, self._settings)
        opened = [listen_on(endpoint, each, self._settings) for each in wanted(self._settings)]
        listening = tuple(each.listen for each in opened)
        for each in listening:
            log.info("= listening on %s", each)
        self._host = self._host or next((each.host for each in opened), "localhost")
        endpoint.libStart()
        choose_codecs(endpoint, self._settings.codecs)
        ipv6 = any(ip_address(each.host).version == 6 for each in listening)
        self._doorstep = create_account(self, None, host=self._host, ipv6=ipv6)
        self._suites = suites(self._settings.srtp_suites)
        for name, member in self._gate.members.items():
            self._accounts[name] = create_account(
                self,
                member,
                host=self._host,
                ipv6=ipv6,
                suites=self._suites,
                transport=connect_for(endpoint, member.trunk, self._settings),
            )
        for member in self._gate.members.values():
            if member.trunk.registrar is not None:
                self._register(member, time.monotonic())
            else:
                self._gate.tell(member, time.monotonic())
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
        for member in self._gate.members.values():
            if member.machine.tick(now):
                self._register(member, now)
            self._gate.tell(member, now)

    def obey(self, command: Command) -> None:
        """Carry out one command. Raises SipError, ValueError, pj.Error."""
        match command:
            case Dial():
                self._dial(command)
            case Admit():
                self._gate.refusal = command.refuse
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
            why = "no trunk has this address"
            self._gate.turn_away(source, message.method, why, time.monotonic())
        account = self._doorstep if trunk is None else self._accounts[trunk.name]
        if message.sdp and not has_keys(message.sdp, self._suites):
            account = self._doorstep  # which knows no encryption: 488, where others say 406
        assert account is not None
        return int(account.getId())

    def incoming(self, call: Call, account: Account, message: Message, source: str) -> None:
        """An INVITE came in for an account."""
        self._calls.add(call)
        if account.member is None:
            self._calls.refuse(call, STRANGER)
            return
        address = parse_host_port(source)
        full = self._calls.legs >= self._settings.max_calls
        media = self._gate.admit(media_host(message.sdp, signalling=address[0]), full=full)
        if isinstance(media, Refusal):
            self._calls.refuse(call, media)
            return
        try:
            invite = read_invite(call.key, account.member.trunk, message, address, media)
        except Exception:
            self._hooks.unlease(media)
            raise
        call.media, call.codecs, call.suites = media, self._settings.codecs, self._suites
        call.dialog = Dialog(call.key, outbound=False, emit=self._hooks.emit)
        call.dialog.received(message)
        self._hooks.emit(invite)

    def registered(self, member: Member, answer: Any) -> None:
        """A REGISTER was answered, or came to nothing."""
        assert self._endpoint is not None
        now = time.monotonic()
        machine, code = member.machine, int(answer.code)
        if code // 100 == 2 and answer.expiration > 0:
            rdata = answer.rdata
            member.answered_from, _ = parse_host_port(rdata.srcAddress)
            machine.accepted(answer.expiration, code=code, reason=answer.reason, now=now)
        elif code // 100 == 2:
            machine.removed()
        else:
            error = answer.status
            reason = self._endpoint.utilStrError(error) if error else answer.reason
            rdata = answer.rdata
            text = rdata.wholeMsg
            wait = parse_message(text).retry_after_s if text else None
            machine.failed(code=code, reason=str(reason), now=now, retry_after_s=wait)
        self._gate.tell(member, now)

    def connection_lost(self, transport: str, why: str) -> None:
        """A TCP or TLS connection is gone: bindings over that transport may hang on it."""
        if why:
            log.warning("= a %s connection broke: %s", transport, why)
        now = time.monotonic()
        for member in self._gate.members.values():
            via = transport_of(member.trunk.outbound_proxy or member.trunk.registrar)
            if via != "udp" and transport.lower().startswith(via):
                member.machine.broken(now)

    def rejected(self, code: int, reason: str, remote: str) -> None:
        """PJSIP refused an INVITE by itself."""
        self._stats.rejected += 1
        log.info("> %d %s to INVITE from %s", code, reason, remote)

    def declined(self, what: str) -> None:
        """A trunk asked for a REFER or a Replaces that it is not allowed."""
        if what == "REFER":
            self._stats.refers_declined += 1
        else:
            self._stats.replaces_declined += 1

    def changed(self, call: Call) -> None:
        """The call's media changed."""
        self._calls.changed(call)

    def stumbled(self, call: Call) -> None:
        """A callback of this call failed: it has to go."""
        self._calls.stumbled(call)

    def forget(self, call: Call) -> None:
        """PJSIP is through with the call."""
        self._calls.forget(call)

    # Trunks.

    def _dial(self, command: Dial) -> None:
        account = self._accounts.get(command.trunk)
        if account is None or account.member is None:
            raise SipError(f"there is no trunk {command.trunk}")
        call = Call(self, account)
        call.key, call.media = command.leg, command.media
        call.codecs, call.suites = command.codecs or self._settings.codecs, self._suites
        call.dialog = Dialog(command.leg, outbound=True, emit=self._hooks.emit)
        identity = self._identity(account.member.trunk, command)
        param = call_param(headers=command.headers, local_uri=identity, with_media=True)
        self._calls.make(call, command.uri, param)
        self._stats.dialled += 1

    def _identity(self, trunk: Trunk, command: Dial) -> str:
        """Our From for this call; empty when it is the trunk's own."""
        if not command.from_user and not command.display:
            return ""
        identity = trunk.identity(self._host)
        if command.from_user:
            identity = f"sip:{quote_user(command.from_user)}@{identity.rpartition('@')[2]}"
        display = f"{quote_display(command.display)} " if command.display else ""
        return f"{display}<{identity}>"

    def _register(self, member: Member, now: float) -> None:
        member.machine.started()
        try:
            self._accounts[member.trunk.name].setRegistration(True)
        except pj.Error as error:
            member.machine.failed(code=503, reason=str(error.reason), now=now)
        self._gate.tell(member, now)

    # Closing.

    def leave(self) -> None:
        """End what is left and unregister; waits, bounded, until the other sides know."""
        assert self._endpoint is not None
        self._gate.refusal = FULL
        waiting = len(self._calls) > 0
        self._calls.end_all()
        held = self._registered()
        for member in held:
            with contextlib.suppress(pj.Error):
                self._accounts[member.trunk.name].setRegistration(False)
        deadline = time.monotonic() + FAREWELL_S
        while (waiting or held) and time.monotonic() < deadline:
            quiet = self._endpoint.libHandleEvents(QUIET_MS) <= 0
            waiting = waiting and not quiet
            held = self._registered()

    def close(self) -> None:
        """Give everything back to PJSIP, calls and accounts first, then the library."""
        self._calls.drop()
        for account in [*self._accounts.values(), self._doorstep]:
            if account is not None and account.isValid():
                account.shutdown()
        self._accounts.clear()
        self._doorstep = None
        gc.collect()
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is None:
            return
        with muted():
            endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG | pj.PJSUA_DESTROY_NO_TX_MSG)
        del endpoint
        gc.collect()

    def _registered(self) -> list[Member]:
        members = self._gate.members.values()
        return [m for m in members if m.machine.state is RegistrationState.REGISTERED]
