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

from sip.commands import Admit, Command, Dial, Probe, Refusal, Trust
from sip.dialog import Dialog
from sip.doorbell import Doorbell
from sip.events import ReferRequested
from sip.gate import FULL, Gate, Member
from sip.message import Message
from sip.negotiation import offer_in_words
from sip.pjsua.build import muted, suites
from sip.pjsua.call import Call
from sip.pjsua.calls import Calls
from sip.pjsua.config import call_param
from sip.pjsua.directors import Account, Endpoint, Screen
from sip.pjsua.opening import (
    choose_codecs,
    create_endpoint,
    feasible,
    listen_on,
    open_noise,
    open_screen,
    wanted,
)
from sip.pjsua.reception import Reception
from sip.pjsua.trunks import Trunks
from sip.settings import Listen, Settings
from sip.stack import Hooks, StackStats

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
        self._settings = settings = feasible(settings)
        self._hooks = hooks
        self._stats = stats
        self._gate = Gate(settings.trunks, hooks=hooks, stats=stats)
        self._calls = Calls()
        self._trunks = Trunks(self, self._gate)
        self._reception = Reception(
            settings, hooks, stats, gate=self._gate, calls=self._calls, trunks=self._trunks
        )
        self._endpoint: Endpoint | None = None
        self._screen: Screen | None = None

    # Opening and turning.

    def open(self) -> tuple[Listen, ...]:
        """Start PJSIP, open the listeners, register. Raises ListenError, SipError, pj.Error."""
        endpoint = self._endpoint = create_endpoint(self, self._settings)
        self._screen = open_screen(self, self._settings)
        open_noise()  # what the screen refuses is not read for it
        opened = [listen_on(endpoint, each, self._settings) for each in wanted(self._settings)]
        listening = tuple(each.listen for each in opened)
        for each in listening:
            log.info("= listening on %s", each)
        host = self._settings.public_address or next((e.host for e in opened), "localhost")
        endpoint.libStart()
        choose_codecs(endpoint, self._settings.codecs)
        ipv6 = any(ip_address(each.host).version == 6 for each in listening)
        able = suites(self._settings.srtp_suites)
        self._trunks.open(endpoint, self._settings, host=host, ipv6=ipv6, suites=able)
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
        return self._reception.account_for(message, source)

    def incoming(self, call: Call, account: Account, message: Message, source: str) -> None:
        """An INVITE came in for an account."""
        self._reception.incoming(call, account, message, source)

    def asked(self, message: Message, source: str) -> Refusal | None:
        """What to answer a request outside any dialog; None: PJSIP goes on with it."""
        return self._reception.asked(message, source)

    def refer(self, call: Call, message: Message) -> ReferRequested | Refusal:
        """The other side of a call asks for a transfer: what it gets."""
        return self._reception.refer(call, message)

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

    def rejected(self, code: int, reason: str, remote: str, offer: str) -> None:
        """PJSIP refused an INVITE by itself."""
        self._stats.rejected += 1
        words = offer_in_words(offer)
        log.info("> %d %s to INVITE from %s: it offers %s", code, reason, remote, words)

    def changed(self, call: Call) -> None:
        """The call's media changed, or it may be hung up now."""
        self._calls.changed(call)

    def crossed(self, call: Call) -> None:
        """The call's offer met one of the other side."""
        self._calls.offers.crossed(call)

    def stumbled(self, call: Call) -> None:
        """A callback of this call failed: it has to go."""
        self._calls.stumbled(call)

    def forget(self, call: Call) -> None:
        """PJSIP is through with the call."""
        self._calls.forget(call)

    def _dial(self, command: Dial) -> None:
        account = self._trunks.account(command.trunk, command.route)
        call = Call(self, account)
        call.key, call.media = command.leg, command.media
        call.codecs, call.suites = command.codecs or self._settings.codecs, self._trunks.suites
        call.comfort_noise = self._settings.comfort_noise
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
