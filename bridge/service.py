"""The service: everything that runs, composed in one place, and the calls it carries.

configuration ──> Service ──┬── UserAgent   SIP, on its own thread
                            ├── PortPool    RTP ports
                            ├── Api         Ultravox's REST side
                            ├── Journal     one line a call
                            └── Call …      one coroutine each
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import rtp
from bridge import record, routing
from bridge.address import PublicAddress
from bridge.agent import Agent
from bridge.background import Background
from bridge.call import Call, Limits
from bridge.config import Config, UltravoxConfig
from bridge.errors import (
    Cause,
    Draining,
    Full,
    NoPorts,
    OrderError,
    Outcome,
    Refused,
    Result,
    Unreachable,
)
from bridge.facts import CallId, Direction, Facts
from bridge.formats import preferred_codec, sample_rate_of, spoken
from bridge.journal import Journal
from bridge.metrics import SAMPLE_INTERVAL_S, Metrics
from bridge.signalling import sip_settings
from bridge.totals import Totals
from bridge.ultravox.api import Api
from sip import Invite, Leg, MediaAddress, Refusal, Registration, SipError, UserAgent

__all__ = ["Order", "Service"]

log = logging.getLogger("bridge.service")

RECENT_CALLS = 100
"""Ended calls that the API can still show."""
LEFTOVERS_S = 3.0
"""How long the exit waits for agents nobody joined to be taken leave of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What someone asks for who wants a call placed."""

    to: str
    """A number or a SIP URI."""
    agent: str
    trunk: str | None = None
    """Which trunk to call through; the only one there is, where none is named."""
    variables: Mapping[str, str] = field(default_factory=dict)


class Service:
    """The running bridge: an async context manager."""

    def __init__(self, config: Config, *, inbound: bool = True) -> None:
        self.config = config
        self.totals = Totals()
        self.metrics = Metrics(self)
        self.calls: dict[CallId, Call] = {}
        self.recent: OrderedDict[CallId, Call] = OrderedDict()
        self._inbound = inbound
        self._codecs = spoken(config.media.codecs)
        self._background = Background()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._exits = contextlib.AsyncExitStack()
        self._address: PublicAddress
        self._ports: rtp.PortPool
        self._api: Api
        self._journal: Journal
        self._agent: UserAgent
        self._agents: dict[str, Agent] = {}

    async def __aenter__(self) -> "Service":
        """Open the ports, reach out to the trunks, take calls.

        Raises OSError or sip.ListenError, saying what and where, when something cannot be opened.
        """
        async with contextlib.AsyncExitStack() as exits:
            await self._open(exits)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the calls that are left with a BYE, then everything else in reverse order."""
        await self.end_calls()
        await self._exits.aclose()

    async def _open(self, exits: contextlib.AsyncExitStack) -> None:
        config, tls = self.config, _tls_context(self.config.ultravox)
        self._address = await PublicAddress.resolve(config.sip.public_address)
        self._ports = rtp.PortPool(
            config.media.ports.low, config.media.ports.high, bind_address=config.media.bind_address
        )
        exits.callback(self._ports.close)
        self._journal = await exits.enter_async_context(Journal(config.journal.path))
        self._api = await exits.enter_async_context(_api(config.ultravox, tls))
        exits.push_async_callback(self._background.finish, LEFTOVERS_S)
        self._agents = {
            name: Agent(name, each, api=self._api, background=self._background, tls=tls)
            for name, each in config.agents.items()
        }
        self._user_agent = await exits.enter_async_context(
            UserAgent(
                await sip_settings(
                    config, public_address=self._address.fixed, inbound=self._inbound
                ),
                on_invite=self._invited,
                lease=self._lease,
                unlease=self._unlease,
            )
        )
        sampling = asyncio.create_task(self._sample(), name="metrics sampling")
        exits.callback(sampling.cancel)

    # What others may ask.

    @property
    def draining(self) -> bool:
        """No new calls are taken."""
        return self._draining

    @property
    def full(self) -> bool:
        """As many calls are alive as may be."""
        return len(self.calls) >= self.config.sip.max_calls

    @property
    def registrations(self) -> Mapping[str, Registration]:
        """The trunks' registrations, by trunk."""
        return self._user_agent.trunks

    @property
    def ultravox_requests(self) -> Mapping[str, int]:
        """Requests to Ultravox's REST API, by status."""
        return self._api.requests

    @property
    def strangers(self) -> int:
        """SIP requests refused because nobody we know sent them."""
        return self._user_agent.stats.strangers

    def describe(self) -> str:
        """One line about what runs, for the log."""
        where = ", ".join(str(each) for each in self._user_agent.listening)
        trunks = ", ".join(self.config.trunks) or "none"
        return f"SIP on {where}; trunks {trunks}; up to {self.config.sip.max_calls} calls"

    def unready(self) -> list[str]:
        """Why a load balancer should send new calls elsewhere; empty when it should not."""
        reasons = []
        if self._draining:
            reasons.append("draining")
        if self.full:
            reasons.append(f"full: {len(self.calls)} calls")
        return reasons

    def drain(self) -> None:
        """Take no new calls, in either direction; those alive go on."""
        if not self._draining:
            self._draining = True
            log.info("= draining, %d calls alive", len(self.calls))
            self._admit()

    async def wait_idle(self) -> None:
        """Wait until no call is alive."""
        await self._idle.wait()

    async def end_calls(self) -> None:
        """End every call with a BYE."""
        for call in list(self.calls.values()):
            call.end(Outcome(result=Result.INDETERMINATE, cause=Cause.SHUTDOWN, sip_code=503))
        if self._tasks:
            await asyncio.wait(self._tasks)

    def find(self, call_id: CallId) -> Call | None:
        """The call of that id, alive or lately ended."""
        return self.calls.get(call_id) or self.recent.get(call_id)

    async def place(self, order: Order) -> Call:
        """Begin an outbound call and return it at once; it lives its own life.

        Raises OrderError where the order cannot be carried out as given, and Draining, Full or
        NoPorts.
        """
        self._refuse_if_closed()
        agent = self._agents.get(order.agent)
        if agent is None:
            raise OrderError(f"there is no agent {order.agent!r}")
        trunk = self._trunk_for(order)
        media = await self._lease_towards(trunk)
        facts = Facts(
            direction=Direction.OUTBOUND,
            trunk=trunk,
            caller=self.config.trunks[trunk].caller_id,
            callee=order.to,
            agent=order.agent,
            variables=order.variables,
        )
        call = self._new_call(facts, agent, media)

        async def dial() -> Leg:
            return await self._user_agent.dial(trunk, order.to, media=media, from_user=facts.caller)

        rate = sample_rate_of(self._codecs[0])
        self._begin(call, call.place(dial, sample_rate=rate))
        return call

    # Inbound.

    def _invited(self, leg: Leg) -> None:
        """Take an INVITE that came from one of our trunks."""
        assert leg.invite is not None
        invite = leg.invite
        try:
            self._refuse_if_closed()
            call, rate = self._receive(invite)
        except Refused as refusal:
            self._refuse(leg, invite, refusal)
            return
        self._begin(call, call.receive(leg, sample_rate=rate))

    def _receive(self, invite: Invite) -> tuple[Call, int]:
        codec = preferred_codec(invite.offer, self._codecs)
        choice = routing.choose(
            self.config.routes,
            trunk=invite.trunk,
            to=invite.to_user,
            from_=invite.from_user,
            headers=invite.headers,
        )
        facts = _facts_of(invite, agent=choice.agent)
        assert invite.media is not None
        call = self._new_call(facts, self._agents[choice.agent], invite.media)
        return call, sample_rate_of(codec)

    def _refuse(self, leg: Leg, invite: Invite, refusal: Refused) -> None:
        facts, outcome = _facts_of(invite, agent=""), refusal.outcome
        log.info(
            "< call %s from %s to %s by %s refused: %s",
            facts.id,
            facts.caller,
            facts.callee,
            facts.trunk,
            outcome,
        )
        if invite.media is not None:
            self._unlease(invite.media)
        self.totals.ended(facts.direction, facts.trunk, outcome)
        self._journal.add(record.of_refusal(facts, outcome))
        headers = {}
        if outcome.retry_after_s is not None:
            headers["Retry-After"] = str(outcome.retry_after_s)
        self._background.spawn(
            leg.reject(outcome.sip_code, headers=headers), name=f"{facts.id} refusal"
        )

    # Every call.

    def _new_call(self, facts: Facts, agent: Agent, media: MediaAddress) -> Call:
        def open_stream(
            on_pcm: Callable[[bytes], None], on_talkspurt: Callable[[float], None]
        ) -> rtp.Stream:
            return rtp.Stream(
                self._ports.claim(media.port),
                on_pcm=on_pcm,
                on_talkspurt=on_talkspurt,
                reorder_cap_s=self.config.media.jitter_max_ms / 1000,
            )

        trunk = self.config.trunks[facts.trunk]
        limits = Limits(
            rtp_timeout_s=self.config.media.rtp_timeout_s,
            ring_timeout_s=trunk.ring_timeout_s,
            drain_s=self.config.media.farewell_s,
        )
        return Call(facts, agent=agent, open_stream=open_stream, limits=limits)

    def _begin(self, call: Call, life: Coroutine[Any, Any, Outcome]) -> None:
        self.calls[call.id] = call
        self._idle.clear()
        self._admit()
        task = asyncio.get_running_loop().create_task(self._live(call, life), name=call.id)
        self._tasks.add(task)
        task.add_done_callback(self._lived)

    async def _live(self, call: Call, life: Coroutine[Any, Any, Outcome]) -> None:
        facts = call.facts
        log.info(
            "%s call %s from %s to %s by %s, agent %s",
            "<" if facts.direction is Direction.INBOUND else ">",
            facts.id,
            facts.caller,
            facts.callee,
            facts.trunk,
            facts.agent,
        )
        try:
            await call.stream.open()
            outcome = await life
            log.info("= call %s ended after %.1f s: %s", facts.id, call.age, outcome)
        finally:
            await call.stream.close(self._ports)
            self._end(call)

    def _lived(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("= call %s left on a fault of the bridge", task.get_name(), exc_info=fault)

    def _end(self, call: Call) -> None:
        del self.calls[call.id]
        self.recent[call.id] = call
        if len(self.recent) > RECENT_CALLS:
            self.recent.popitem(last=False)
        self.totals.wire.add(call)
        if call.outcome is not None:
            self.totals.ended(call.facts.direction, call.facts.trunk, call.outcome)
            self.metrics.call_ended(call)
            self._journal.add(record.of_call(call, transcript=self.config.journal.transcripts))
        if not self.calls:
            self._idle.set()
        self._admit()

    # Admission, media addresses, sampling.

    def _admit(self) -> None:
        """Let the SIP thread refuse on its own while there is no room."""
        if not (self._draining or self.full):
            self._user_agent.set_admission(None)
            return
        reason = Draining() if self._draining else Full()
        self._user_agent.set_admission(
            Refusal(code=reason.sip_code, reason=str(reason), retry_after_s=reason.retry_after_s)
        )

    def _refuse_if_closed(self) -> None:
        if self._draining:
            raise Draining
        if self.full:
            raise Full

    def _lease(self, peer_host: str) -> MediaAddress | None:
        """Our media address for a call with `peer_host`; runs on the SIP thread too."""
        try:
            pair = self._ports.lease()
        except rtp.NoPorts:
            return None
        return MediaAddress(host=self._address.towards(peer_host), port=pair.rtp_port)

    async def _lease_towards(self, trunk: str) -> MediaAddress:
        """Our media address for a call out through `trunk`, whose server may be a name."""
        loop = asyncio.get_running_loop()
        try:
            host = self._user_agent.peer_host(trunk)
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except SipError as error:
            raise OrderError(str(error)) from error
        except OSError as error:
            raise Unreachable(f"trunk {trunk}: {error.strerror or error}") from error
        media = self._lease(str(found[0][4][0]))
        if media is None:
            raise NoPorts
        return media

    def _unlease(self, media: MediaAddress) -> None:
        """Take back a media address that no call came to use; runs on the SIP thread too."""
        self._ports.release(self._ports.claim(media.port), time.monotonic())

    def _trunk_for(self, order: Order) -> str:
        trunks = self.config.trunks
        if order.trunk is not None:
            if order.trunk not in trunks:
                raise OrderError(f"there is no trunk {order.trunk!r}")
            return order.trunk
        if len(trunks) != 1:
            raise OrderError("there are several trunks; say which one to call through")
        return next(iter(trunks))

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            self.metrics.sample(self.calls.values())


def _tls_context(config: UltravoxConfig) -> ssl.SSLContext:
    """Trust the configured authorities, or the system's."""
    return ssl.create_default_context(cafile=config.ca_file)


def _api(config: UltravoxConfig, tls: ssl.SSLContext) -> Api:
    key = config.api_key.get_secret_value() if config.api_key else ""
    return Api(config.api_url, key, deadline_s=config.timeout_s, tls=tls)


def _facts_of(invite: Invite, *, agent: str) -> Facts:
    return Facts(
        direction=Direction.INBOUND,
        trunk=invite.trunk,
        caller=invite.from_user,
        caller_name=invite.from_display,
        callee=invite.to_user,
        agent=agent,
        sip_call_id=invite.sip_call_id,
        headers=invite.headers,
    )
