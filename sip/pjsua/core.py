"""Everything pjsua2, on one thread: listeners, accounts, calls.

RTP is not PJSIP's: calls use its loop media transport, no sound device, and their SDP names our
own sockets.

A Call is dropped in its DISCONNECTED callback, where PJSIP has let go of it: any later, its
number may be another call's, and the destructor would hang that one up.
"""

import contextlib
import gc
import logging
import os
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final

import pjsua2 as pj

from sip.dialog import Dialog
from sip.doorbell import Doorbell
from sip.events import Invite, MediaAddress
from sip.gate import Gate, Member
from sip.message import Message, parse_message
from sip.pjsua.build import (
    account_config,
    call_param,
    endpoint_config,
    silence,
    transport_config,
)
from sip.pjsua.directors import Account, Call, Endpoint, Log
from sip.stack import (
    Admit,
    Command,
    Dial,
    HangUp,
    Hold,
    Hooks,
    Listen,
    ListenError,
    Refusal,
    Respond,
    SendInfo,
    Settings,
    SipError,
    StackStats,
    Trust,
)
from sip.trunk import RegistrationState, Trunk, parse_host_port
from sip.uri import parse_name_addr, parse_uri, quote_display, quote_user

__all__ = ["Core"]

log = logging.getLogger("sip.pjsua")

FAREWELL_S: Final = 3.0
"""How long the exit waits for registrars to let go and for BYEs to be answered."""
QUIET_MS: Final = 200
"""Nothing coming in for this long means that all BYEs are answered."""
STRANGER: Final = Refusal(code=403, reason="Forbidden")
DECLINED: Final = 480
"""How an inbound call is refused when nobody says how."""


class Core:
    """Owns the Endpoint, the Accounts and the Calls. Every method runs on the SIP thread."""

    def __init__(self, settings: Settings, hooks: Hooks, stats: StackStats) -> None:
        self._settings = settings
        self._hooks = hooks
        self._stats = stats
        self._gate = Gate(settings.trunks, hooks=hooks, stats=stats)
        self._endpoint: Endpoint | None = None
        self._own_host = ""
        """Our address as the first listener's interface has it."""
        self._accounts: dict[str, Account] = {}
        self._doorstep: Account | None = None
        self._calls: dict[str, Call] = {}
        self._changed: list[Call] = []
        self._stumbled: list[Call] = []
        self._fresh: list[Call] = []

    # Opening.

    def open(self) -> tuple[Listen, ...]:
        """Start PJSIP, open the listeners, register. Raises ListenError, SipError, pj.Error."""
        with _muted():
            self._endpoint = Endpoint(self)
            self._endpoint.libCreate()
        writer = Log() if log.isEnabledFor(logging.DEBUG) else None
        config = endpoint_config(self._settings, writer=writer)
        if writer is not None:
            writer.__disown__()  # PJSIP deletes it
        self._endpoint.libInit(config)
        silence(self._endpoint)
        listening = tuple(self._listen(each) for each in self._wanted())
        for each in listening:
            log.info("= listening on %s", each)
        self._endpoint.libStart()
        self._choose_codecs()
        host = self._settings.public_address or self._own_host
        ipv6 = any(ip_address(each.host).version == 6 for each in listening)
        self._doorstep = self._account(None, host=host, ipv6=ipv6)
        for member in self._gate.members.values():
            self._accounts[member.trunk.name] = self._account(member, host=host, ipv6=ipv6)
        now = time.monotonic()
        for member in self._gate.members.values():
            if member.trunk.registrar is not None:
                self._register(member, now)
            else:
                self._gate.tell(member, now)
        return listening

    def doorbell(self, listening: tuple[Listen, ...]) -> Doorbell:
        """A way to wake the poll: a UDP listener, or one on loopback for just this."""
        for each in listening:
            if each.transport == "udp":
                return Doorbell((each.host, each.port))
        private = self._listen(Listen(transport="udp", host="127.0.0.1", port=0))
        return Doorbell((private.host, private.port))

    def _wanted(self) -> tuple[Listen, ...]:
        """The listeners asked for, and those without which a trunk could not be reached."""
        wanted = list(self._settings.listen)
        for trunk in self._settings.trunks:
            for text in (trunk.registrar, trunk.outbound_proxy, trunk.address):
                transport = parse_uri(text).params.get("transport", "udp").lower() if text else ""
                if transport in ("tcp", "tls") and transport not in {w.transport for w in wanted}:
                    log.info("= no %s listener for trunk %s: opening one", transport, trunk.name)
                    wanted.append(Listen(transport=transport, port=0))
        return tuple(wanted)

    def _listen(self, listen: Listen) -> Listen:
        assert self._endpoint is not None
        kind, config = transport_config(listen, self._settings)
        try:
            number = self._endpoint.transportCreate(kind, config)
        except pj.Error as error:
            raise ListenError(str(listen), str(error.reason)) from None
        info = self._endpoint.transportGetInfo(number)
        name, address = info.localName, info.localAddress
        if not self._own_host:
            self._own_host, _ = parse_host_port(name)
        _, port = parse_host_port(address)
        return Listen(transport=listen.transport, host=listen.host, port=port)

    def _choose_codecs(self) -> None:
        """Give PJSIP our codecs and their order; it negotiates, we code."""
        assert self._endpoint is not None
        known = self._endpoint.codecEnum2()
        names = [codec.codecId for codec in known]
        wanted = [name.lower() for name in self._settings.codecs]
        for name in names:
            encoding = name.partition("/")[0].lower()
            first = name == next(n for n in names if n.partition("/")[0].lower() == encoding)
            rank = wanted.index(encoding) if encoding in wanted and first else -1
            self._endpoint.codecSetPriority(name, 0 if rank < 0 else 254 - rank)
        have = {name.partition("/")[0].lower() for name in names}
        if missing := [name for name in self._settings.codecs if name.lower() not in have]:
            log.warning("= this PJSIP build lacks %s", ", ".join(missing))

    def _account(self, member: Member | None, *, host: str, ipv6: bool) -> Account:
        account = Account(self, member)
        trunk = member.trunk if member else None
        token = member.token if member else ""
        config = account_config(trunk, host=host, token=token, ipv6=ipv6)
        try:
            account.create(config)
        except pj.Error as error:
            who = f"trunk {trunk.name}" if trunk else "calls from outside"
            raise SipError(f"no SIP account for {who}: {error.reason}") from None
        return account

    # Turning.

    def poll(self, longest: float) -> None:
        """Let PJSIP work; returns when something happened, or after ``longest`` seconds."""
        assert self._endpoint is not None
        due = self._gate.due
        if due is not None:
            longest = max(0.0, min(longest, due - time.monotonic()))
        self._endpoint.libHandleEvents(int(longest * 1000))

    def settle(self) -> None:
        """What has to wait until PJSIP and the commands are through."""
        while self._changed:
            call = self._changed.pop()
            if call.dialog is not None:
                call.dialog.settle()
                if call.dialog.fault:
                    log.warning("= leg %s: %s", call.key, call.dialog.fault)
                    self._end(call, 488, "Not Acceptable Here")
        while self._stumbled:
            self._end(self._stumbled.pop(), 500, "Server Internal Error")
        while self._fresh:
            self._check(self._fresh.pop())
        now = time.monotonic()
        for member in self._gate.members.values():
            if member.machine.tick(now):
                self._register(member, now)
            self._gate.tell(member, now)

    def _check(self, call: Call) -> None:
        """PJSIP drops a call without a word when it cannot answer the INVITE's SDP."""
        if call.key in self._calls and not call.isActive():
            if call.dialog is not None:
                call.dialog.disconnected(488, "Not Acceptable Here")
            self.forget(call)

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
        assert account is not None
        return int(account.getId())

    def incoming(self, call: Call, account: Account, message: Message, source: str) -> None:
        """An INVITE came in for an account."""
        self._calls[call.key] = call
        self._fresh.append(call)
        if account.member is None:
            self._refuse(call, STRANGER)
            return
        host, port = parse_host_port(source)
        media = self._gate.admit(host)
        if isinstance(media, Refusal):
            self._refuse(call, media)
            return
        call.media, call.codecs = media, self._settings.codecs
        call.dialog = Dialog(call.key, outbound=False, emit=self._hooks.emit)
        call.dialog.received(message)
        self._hooks.emit(
            _invite(call.key, account.member.trunk, message, source=(host, port), media=media)
        )

    def registered(self, member: Member, answer: Any) -> None:
        """A REGISTER was answered, or came to nothing."""
        assert self._endpoint is not None
        now = time.monotonic()
        machine, code = member.machine, int(answer.code)
        if code // 100 == 2:
            if answer.expiration > 0:
                rdata = answer.rdata
                member.answered_from, _ = parse_host_port(rdata.srcAddress)
                machine.accepted(answer.expiration, code=code, reason=answer.reason, now=now)
            else:
                machine.removed()
        else:
            reason = answer.reason
            if answer.status:
                reason = self._endpoint.utilStrError(answer.status)
            machine.failed(
                code=code, reason=str(reason), now=now, retry_after_s=_retry_after(answer)
            )
        self._gate.tell(member, now)

    def connection_lost(self, transport: str) -> None:
        """A TCP or TLS connection is gone: bindings over that transport may hang on it."""
        now = time.monotonic()
        for member in self._gate.members.values():
            text = member.trunk.outbound_proxy or member.trunk.registrar
            via = parse_uri(text).params.get("transport", "udp") if text else "udp"
            if transport.lower().startswith(via.lower()) and via.lower() != "udp":
                member.machine.broken(now)

    def rejected(self, code: int, reason: str, remote: str) -> None:
        """PJSIP refused an INVITE by itself."""
        self._stats.rejected += 1
        log.info("> %d %s to INVITE from %s", code, reason, remote)

    def changed(self, call: Call) -> None:
        """The call's media changed."""
        self._changed.append(call)

    def stumbled(self, call: Call) -> None:
        """A callback of this call failed: it has to go."""
        self._stumbled.append(call)

    def forget(self, call: Call) -> None:
        """PJSIP is through with the call."""
        self._calls.pop(call.key, None)

    # Commands.

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
                    self._steer(call, command)

    def _steer(self, call: Call, command: Respond | HangUp | Hold | SendInfo) -> None:
        match command:
            case Respond():
                self._respond(call, command)
            case HangUp():
                self._end(call, command.code, command.reason, dict(command.headers))
            case Hold():
                self._hold(call, held=command.held)
            case SendInfo():
                self._send_info(call, command)

    def _dial(self, command: Dial) -> None:
        account = self._accounts.get(command.trunk)
        if account is None or account.member is None:
            raise SipError(f"there is no trunk {command.trunk}")
        trunk = account.member.trunk
        call = Call(self, account)
        call.key, call.media = command.leg, command.media
        call.codecs = command.codecs or self._settings.codecs
        call.dialog = Dialog(command.leg, outbound=True, emit=self._hooks.emit)
        param = call_param(
            headers=command.headers, local_uri=self._from(trunk, command), with_media=True
        )
        self._calls[call.key] = call
        try:
            call.makeCall(command.uri, param)
        except pj.Error as error:
            self._calls.pop(call.key, None)
            raise SipError(f"cannot call {command.uri}: {error.reason}") from None
        self._stats.dialled += 1

    def _from(self, trunk: Trunk, command: Dial) -> str:
        """Our From for this call; empty when it is the trunk's own."""
        if not command.from_user and not command.display:
            return ""
        identity = trunk.identity(self._settings.public_address or self._own_host)
        if command.from_user:
            identity = f"sip:{quote_user(command.from_user)}@{identity.rpartition('@')[2]}"
        display = f"{quote_display(command.display)} " if command.display else ""
        return f"{display}<{identity}>"

    def _respond(self, call: Call, command: Respond) -> None:
        if command.code >= 300:
            self._end(call, command.code, command.reason, dict(command.headers))
            return
        param = call_param(
            command.code,
            reason=command.reason,
            headers=command.headers,
            with_media=command.code >= 183,
        )
        call.answer(param)
        self._changed.append(call)

    def _refuse(self, call: Call, refusal: Refusal) -> None:
        """Answer an INVITE that becomes no leg; PJSIP sends it when its callback has returned."""
        headers = {}
        if refusal.retry_after_s is not None:
            headers["Retry-After"] = str(refusal.retry_after_s)
        call.answer(call_param(refusal.code, reason=refusal.reason, headers=headers))

    def _end(
        self, call: Call, code: int, reason: str, headers: dict[str, str] | None = None
    ) -> None:
        """BYE, CANCEL or a final response, whichever fits; what cannot be sent is let go."""
        if call.key not in self._calls:
            return
        dialog = call.dialog
        final = code if code >= 300 else DECLINED
        if dialog is None or dialog.answered:
            sent, said = 0, (200, "OK")
        elif dialog.outbound:
            sent, said = 0, (487, "Request Terminated")
        else:
            sent, said = final, (final, reason)
        if dialog is not None:
            dialog.leave(*said)
        param = call_param(sent, reason=reason if sent else "", headers=headers)
        try:
            call.hangup(param)
        except pj.Error as error:
            log.debug("= leg %s was over: %s", call.key, error.reason)
            if dialog is not None:
                dialog.disconnected(*said)
            self.forget(call)

    def _hold(self, call: Call, *, held: bool) -> None:
        param = call_param(with_media=True)
        if held:
            call.setHold(param)
        else:
            param.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(param)

    def _send_info(self, call: Call, command: SendInfo) -> None:
        param = pj.CallSendRequestParam()
        param.method = "INFO"
        param.txOption.contentType = command.content_type
        param.txOption.msgBody = command.body
        call.sendRequest(param)

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
        self._gate.refusal = Refusal(retry_after_s=5)
        waiting = bool(self._calls)
        for call in list(self._calls.values()):
            self._end(call, 503, "Service Unavailable")
        held = [
            m
            for m in self._gate.members.values()
            if m.machine.state is RegistrationState.REGISTERED
        ]
        for member in held:
            with contextlib.suppress(pj.Error):
                self._accounts[member.trunk.name].setRegistration(False)
        deadline = time.monotonic() + FAREWELL_S
        while (waiting or held) and time.monotonic() < deadline:
            quiet = self._endpoint.libHandleEvents(QUIET_MS) <= 0
            held = [m for m in held if m.machine.state is RegistrationState.REGISTERED]
            waiting = waiting and not quiet

    def close(self) -> None:
        """Give everything back to PJSIP, calls and accounts first, then the library."""
        for call in self._calls.values():
            if call.dialog is not None:
                call.dialog.disconnected(503, "Service Unavailable")
        self._changed.clear()
        self._stumbled.clear()
        self._fresh.clear()
        self._calls.clear()
        for account in [*self._accounts.values(), self._doorstep]:
            if account is not None and account.isValid():
                account.shutdown()
        self._accounts.clear()
        self._doorstep = None
        gc.collect()
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            with _muted():
                endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG | pj.PJSUA_DESTROY_NO_TX_MSG)
            del endpoint
            gc.collect()


def _invite(
    leg: str, trunk: Trunk, message: Message, *, source: tuple[str, int], media: MediaAddress
) -> Invite:
    headers = message.headers
    caller, callee = parse_name_addr(headers.first("From")), parse_name_addr(headers.first("To"))
    via = headers.first("Via").split()
    return Invite(
        leg=leg,
        trunk=trunk.name,
        sip_call_id=headers.first("Call-ID"),
        request_uri=message.request_uri,
        from_uri=caller.uri,
        from_user=caller.user,
        from_display=caller.display,
        to_uri=callee.uri,
        to_user=callee.user,
        headers=headers,
        source=source,
        transport=via[0].rpartition("/")[2].lower() if via else "",
        media=media,
        offer=message.sdp,
        at=time.monotonic(),
    )


def _retry_after(answer: Any) -> float | None:
    """Seconds in the Retry-After of a response (RFC 3261 section 20.33), where there is one."""
    rdata = answer.rdata
    text = rdata.wholeMsg
    if not text:
        return None
    words = parse_message(text).headers.first("Retry-After").split()
    digits = words[0].partition(";")[0].partition("(")[0] if words else ""
    return float(digits) if digits.isascii() and digits.isdigit() else None


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Standard output closed to C: before ``libInit`` and after it PJSIP logs there."""
    sys.stdout.flush()
    saved = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nothing)
