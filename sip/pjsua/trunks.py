"""The accounts that PJSIP keeps for trunks, their registrations, and who we are there."""

import contextlib
import logging
import time
from typing import Any

import pjsua2 as pj

from sip.commands import Dial
from sip.gate import Gate, Member
from sip.message import parse_message
from sip.pjsua.directors import Account, Endpoint
from sip.pjsua.opening import connect_for, create_account
from sip.pjsua.owner import Owner
from sip.settings import Settings
from sip.stack import SipError
from sip.strangers import Strangers
from sip.trunk import RegistrationState, parse_host_port, transport_of
from sip.uri import quote_display, quote_user

__all__ = ["Trunks"]

log = logging.getLogger("sip.pjsua")

CHALLENGED_AGAIN, NO_CREDENTIAL = "PJSIP_EFAILEDCREDENTIAL", "PJSIP_ENOCREDENTIAL"
"""In what PJSIP says when our answer to a challenge was challenged again, and when it had none."""
BUSY = "PJSIP_EBUSY"
"""The same while a REGISTER is unanswered: what comes of that one will be told."""


class Trunks:
    """An account for each trunk, and the doorstep: the one that strangers reach."""

    def __init__(self, owner: Owner, gate: Gate) -> None:
        self._owner = owner
        self._gate = gate
        self._accounts: dict[str, Account] = {}
        self._towards: dict[tuple[str, str], Account] = {}
        """Of trunks' calls to one of several servers, by the URI that leads there."""
        self._doorstep: Account | None = None
        self._broken = Strangers()  # connections, by what became of them: most are strangers'
        self._host, self._ipv6 = "", False
        self.suites: tuple[str, ...] = ()
        """Of SRTP, as far as both PJSIP and the media side have them."""

    def open(
        self,
        endpoint: Endpoint,
        settings: Settings,
        *,
        host: str,
        ipv6: bool,
        suites: tuple[str, ...],
    ) -> None:
        """Create the accounts and register; ``host`` is ours where one is needed."""
        self._host, self._ipv6, self.suites = host, ipv6, suites
        self._doorstep = create_account(self._owner, None, host=host, ipv6=ipv6)
        for name, member in self._gate.members.items():
            self._accounts[name] = create_account(
                self._owner,
                member,
                host=host,
                ipv6=ipv6,
                suites=suites,
                transport=connect_for(endpoint, member.trunk, settings),
            )
        for member in self._gate.members.values():
            if member.trunk.registrar is not None:
                self._register(member, time.monotonic())
            else:
                self._gate.tell(member, time.monotonic())

    def number(self, trunk: str | None) -> int:
        """The account's number; of the doorstep for None."""
        account = self._doorstep if trunk is None else self._accounts[trunk]
        assert account is not None
        return int(account.getId())

    def account(self, trunk: str, route: str = "") -> Account:
        """A trunk's account, its requests sent to ``route`` first. Raises SipError."""
        account = self._accounts.get(trunk)
        if account is None:
            raise SipError(f"there is no trunk {trunk}")
        if not route:
            return account
        if (trunk, route) not in self._towards:
            self._towards[trunk, route] = create_account(
                self._owner,
                account.member,
                host=self._host,
                ipv6=self._ipv6,
                suites=self.suites,
                route=route,
            )
        return self._towards[trunk, route]

    def identity(self, account: Account, command: Dial) -> str:
        """Our From for this call; empty when it is the trunk's own."""
        assert account.member is not None
        if not command.from_user and not command.display:
            return ""
        identity = account.member.trunk.identity(self._host)
        if command.from_user:
            identity = f"sip:{quote_user(command.from_user)}@{identity.rpartition('@')[2]}"
        display = f"{quote_display(command.display)} " if command.display else ""
        return f"{display}<{identity}>"

    def settle(self, now: float) -> None:
        """Register where it is time to, and tell what has changed."""
        for member in self._gate.members.values():
            if member.machine.tick(now):
                self._register(member, now)
            self._gate.tell(member, now)

    def registered(self, member: Member, answer: Any, explain: Any) -> None:
        """A REGISTER was answered, or came to nothing; ``explain`` names PJSIP's errors."""
        now = time.monotonic()
        machine, code = member.machine, int(answer.code)
        if code // 100 == 2 and answer.expiration > 0:
            rdata = answer.rdata
            member.answered_from, _ = parse_host_port(rdata.srcAddress)
            machine.accepted(answer.expiration, code=code, reason=answer.reason, now=now)
        elif code // 100 == 2:
            machine.removed(code=code, now=now)
        else:
            error = answer.status
            reason = str(explain(error) if error else answer.reason)
            if CHALLENGED_AGAIN in reason:
                reason = "Unauthorized: it does not take this username and password"
            elif NO_CREDENTIAL in reason:
                reason = "Unauthorized: it asks for a realm that is not the trunk's `realm`"
            rdata = answer.rdata
            text = rdata.wholeMsg
            wait = parse_message(text).retry_after_s if text else None
            machine.failed(code=code, reason=reason, now=now, retry_after_s=wait)
        self._gate.tell(member, now)

    def connection_lost(self, transport: str, why: str) -> None:
        """A TCP or TLS connection is gone: bindings over that transport may hang on it."""
        now = time.monotonic()
        if why and (count := self._broken.refused(f"{transport} {why}", now)):
            log.warning("= a %s connection broke: %s (%d times)", transport, why, count)
        for member in self._gate.members.values():
            via = transport_of(member.trunk.outbound_proxy or member.trunk.registrar)
            if via != "udp" and transport.lower().startswith(via):
                member.machine.broken(now)

    def unregister(self) -> None:
        """Ask the registrars to let go; ``held`` tells how far that is."""
        for member in self._held():
            member.machine.leaves()
            with contextlib.suppress(pj.Error):
                self._accounts[member.trunk.name].setRegistration(False)

    @property
    def held(self) -> bool:
        """Whether a binding is left."""
        return bool(self._held())

    def close(self) -> None:
        """Give the accounts back to PJSIP."""
        for account in [*self._towards.values(), *self._accounts.values(), self._doorstep]:
            if account is not None and account.isValid():
                account.shutdown()
        self._towards.clear()
        self._accounts.clear()
        self._doorstep = None

    def _held(self) -> list[Member]:
        members = self._gate.members.values()
        return [m for m in members if m.machine.state is RegistrationState.REGISTERED]

    def _register(self, member: Member, now: float) -> None:
        member.machine.started()
        try:
            self._accounts[member.trunk.name].setRegistration(True)
        except pj.Error as error:
            if BUSY not in error.reason:
                member.machine.failed(code=503, reason=str(error.reason), now=now)
        self._gate.tell(member, now)
