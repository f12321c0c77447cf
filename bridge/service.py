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
import ssl
from collections.abc import Mapping
from functools import partial
from types import TracebackType

import rtp
from bridge import routing, transfer
from bridge.admission import Admission, Reading
from bridge.agents.agent import Agent
from bridge.background import Background
from bridge.call import Call, CallState, Limits
from bridge.config import Config, Route, UltravoxConfig
from bridge.errors import OrderError, Refused
from bridge.facts import CallId, Direction, Facts
from bridge.journal import Journal
from bridge.lines.address import PublicAddress
from bridge.lines.lines import Lines
from bridge.lines.signalling import sip_settings
from bridge.media.formats import preferred_codec, spoken
from bridge.metrics import SAMPLE_INTERVAL_S, Metrics
from bridge.outbound.desk import Desk
from bridge.outbound.hunt import Hunt
from bridge.outbound.order import Order
from bridge.outbound.ways import Way
from bridge.papers.papers import Papers
from bridge.pulse import Pulse
from bridge.recording.recordings import Recordings
from bridge.scenario import loading, running
from bridge.scenario.watchdog import Watchdog
from bridge.switchboard import Switchboard
from bridge.tools.usage import Usage
from bridge.tools.workshop import Workshop
from bridge.totals import Totals
from bridge.ultravox.api import Api
from bridge.webhooks import Couriers
from rtp.codec import native_rate
from sip import (
    Invite,
    Leg,
    MediaAddress,
    Refusal,
    Registration,
    StackStats,
    UserAgent,
)

__all__ = ["Service"]

log = logging.getLogger("bridge.service")

TELEPHONE_RATE = 8000
"""Hz of G.711: what most trunks speak."""
EVERY_ADDRESS = "::"
"""IPv6's, and with it IPv4's."""
UNKNOWN_DIALOG = 481
"""Status of an INVITE that is to replace a call which is over (RFC 3891 section 3)."""
LEFTOVERS_S = 3.0
"""How long the exit waits for agents nobody joined to be taken leave of."""


class Service:
    """The running bridge: an async context manager."""

    def __init__(self, config: Config, *, inbound: bool = True) -> None:
        """Find the scenarios that it names. Raises ConfigError, holding every mistake in them."""
        self.config = config
        self.metrics = Metrics(self)
        self._inbound = inbound
        self._scenarios = loading.load(config)
        self._codecs = spoken(config.media.codecs)
        self._background = Background()
        self.admission = Admission(
            max_late_s=config.admission.max_late_ms / 1000,
            max_busy=config.admission.max_busy_percent / 100,
        )
        self._switchboard = Switchboard(
            max_calls=config.sip.max_calls,
            admission=self.admission,
            on_admission=self._admit,
        )
        self._exits = contextlib.AsyncExitStack()
        self._ports: rtp.PortPool
        self._lines: Lines
        self._desk: Desk
        self._api: Api
        self.recordings = Recordings(config.recordings)
        self._papers: Papers
        self._user_agent: UserAgent
        self._workshop = Workshop(config, observe=self.metrics.tool.observe)
        self._agents: dict[str, Agent] = {}

    async def __aenter__(self) -> "Service":
        """Open the ports, reach out to the trunks, take calls.

        Raises OSError or sip.ListenError, saying what and where, when something cannot be opened,
        ConfigError or HostFailed when the agents' tools cannot be had.
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
        address = await PublicAddress.resolve(
            config.sip.public_address, dual=config.media.bind_address == EVERY_ADDRESS
        )
        self._ports = rtp.PortPool(
            config.media.ports.low, config.media.ports.high, bind_address=config.media.bind_address
        )
        exits.callback(self._ports.close)
        self._lines = Lines(config, address=address, ports=self._ports)
        self._papers = await exits.enter_async_context(Papers(config.journal, config.webhooks))
        await exits.enter_async_context(self.recordings)
        self._api = await exits.enter_async_context(_api(config.ultravox, tls))
        exits.push_async_callback(self._background.finish, LEFTOVERS_S)
        exits.push_async_callback(self._workshop.close)
        await self._workshop.open()
        self._agents = {
            name: Agent(
                name,
                each,
                api=self._api,
                background=self._background,
                tls=tls,
                bench=self._workshop.bench(name),
            )
            for name, each in config.agents.items()
        }
        self._user_agent = await exits.enter_async_context(
            UserAgent(
                await sip_settings(config, public_address=address.fixed, inbound=self._inbound),
                on_invite=self._invited,
                lease=self._lines.lease,
                unlease=self._lines.unlease,
            )
        )
        self._lines.user_agent = self._user_agent
        self._desk = Desk(config, lines=self._lines, alive=self._switchboard.alive_on)
        if self._scenarios:
            await exits.enter_async_context(Watchdog())
        await exits.enter_async_context(Pulse(self.calls.values, take=self._fared))
        sampling = asyncio.create_task(self._sample(), name="metrics sampling")
        exits.callback(sampling.cancel)

    # What others may ask.

    @property
    def calls(self) -> dict[CallId, Call]:
        """The calls that are alive, by id."""
        return self._switchboard.alive

    @property
    def totals(self) -> Totals:
        """Counters of the calls that are over."""
        return self._switchboard.totals

    @property
    def journal(self) -> Journal:
        """What is kept of calls."""
        return self._papers.journal

    @property
    def couriers(self) -> Couriers:
        """What delivers to webhooks."""
        return self._papers.couriers

    @property
    def registrations(self) -> Mapping[str, Registration]:
        """The trunks' registrations, by trunk."""
        return self._user_agent.trunks

    @property
    def ultravox_requests(self) -> Mapping[str, int]:
        """Requests to Ultravox's REST API, by status."""
        return self._api.requests

    @property
    def sip_stats(self) -> StackStats:
        """Counters of the SIP side."""
        return self._user_agent.stats

    @property
    def tool_usage(self) -> Usage:
        """What became of the tools that agents used."""
        return self._workshop.usage

    def describe(self) -> str:
        """One line about what runs, for the log."""
        where = ", ".join(str(each) for each in self._user_agent.listening)
        trunks = ", ".join(self.config.trunks) or "none"
        return f"SIP on {where}; trunks {trunks}; up to {self.config.sip.max_calls} calls"

    def unready(self) -> list[str]:
        """Why a load balancer should send new calls elsewhere; empty when it should not."""
        refusal = self._switchboard.refusal
        return [] if refusal is None else [f"{refusal.cause}: {refusal}"]

    def find(self, call_id: CallId) -> Call | None:
        """The call of that id, alive or lately ended."""
        return self._switchboard.find(call_id)

    def drain(self) -> None:
        """Take no new calls, in either direction; those alive go on."""
        self._switchboard.drain()

    async def end_calls(self) -> None:
        """Take no new calls and end those alive with a BYE."""
        self.drain()
        await self._switchboard.end_all()

    async def wait_idle(self) -> None:
        """Wait until no call is alive."""
        await self._switchboard.wait_idle()

    async def place(self, order: Order) -> Call:
        """Begin an outbound call and return it at once; it lives its own life.

        Raises OrderError where the order cannot be carried out as given, and Draining, Full,
        Overloaded or NoPorts.
        """
        self._raise_if_refusing()
        agent = self._agents.get(order.agent)
        if agent is None:
            raise OrderError(f"there is no agent {order.agent!r}")

        def begin(hunt: Hunt, way: Way, media: MediaAddress) -> Call:
            facts = Facts(
                direction=Direction.OUTBOUND,
                trunk=way.trunk,
                caller=way.caller_id,
                callee=order.to,
                agent=order.agent,
                variables=order.variables,
            )
            rate = self._likely_rate(way.trunk)
            call = self._new_call(facts, agent, media, codec_rate=rate, hunt=hunt)
            self._begin(call)
            return call

        return await self._desk.take(order, begin)

    # Inbound.

    def _invited(self, leg: Leg) -> None:
        """Take an INVITE that came from one of our trunks."""
        assert leg.invite is not None
        invite = leg.invite
        if invite.replaces is not None:
            self._replace(leg, invite, invite.replaces)
            return
        try:
            self._raise_if_refusing()
            call, route = self._receive(leg, invite)
        except Refused as refusal:
            self._refuse(leg, invite, refusal)
            return
        self._begin(call, route)

    def _replace(self, leg: Leg, invite: Invite, replaced: str) -> None:
        """Let an INVITE take the place of a party of a call that is alive (RFC 3891)."""
        for call in self.calls.values():
            party = call.parties.of(replaced)
            if party is not None and call.state is CallState.ANSWERED:
                call.spawn(transfer.take_over(call, party, leg), name="replacement")
                return
        self._lines.unlease(invite.media)
        self._background.spawn(leg.reject(UNKNOWN_DIALOG), name=f"refusal of {leg.id}")

    def _receive(self, leg: Leg, invite: Invite) -> tuple[Call, Route]:
        codec = preferred_codec(invite.offer, self._codecs)
        choice = routing.choose(
            self.config.routes,
            trunk=invite.trunk,
            to=invite.to_user,
            from_=invite.from_user,
            headers=invite.headers,
        )
        facts = _facts_of(invite, agent=choice.agent)
        agent = self._agents[choice.agent]
        rate, route = native_rate(codec), choice.route
        call = self._new_call(facts, agent, invite.media, codec_rate=rate, leg=leg, route=route)
        return call, route

    def _refuse(self, leg: Leg, invite: Invite, refusal: Refused) -> None:
        outcome = refusal.outcome
        self._switchboard.refused(_facts_of(invite, agent=""), outcome, papers=self._papers)
        self._lines.unlease(invite.media)
        headers = {}
        if outcome.retry_after_s is not None:
            headers["Retry-After"] = str(outcome.retry_after_s)
        refused = leg.reject(outcome.sip_code, headers=headers)
        self._background.spawn(refused, name=f"refusal of {leg.id}")

    def _raise_if_refusing(self) -> None:
        if (refusal := self._switchboard.refusal) is not None:
            raise refusal

    # Every call.

    def _new_call(
        self,
        facts: Facts,
        agent: Agent,
        media: MediaAddress,
        *,
        codec_rate: int,
        leg: Leg | None = None,
        route: Route | None = None,
        hunt: Hunt | None = None,
    ) -> Call:
        own = route.on_agent_failure if route is not None else None
        limits = Limits(
            rtp_timeout_s=self.config.media.rtp_timeout_s,
            ring_timeout_s=hunt.longest_s if hunt is not None else 0.0,
            drain_s=self.config.media.farewell_s,
        )
        return Call(
            facts,
            agent=agent,
            agents=self._agents,
            lines=self._lines,
            media=media,
            rate=agent.config.sample_rate or codec_rate,
            limits=limits,
            recordings=self.recordings,
            recording=(route.recording if route is not None else None) or agent.config.recording,
            leg=leg,
            hunt=hunt,
            failure_steps=agent.config.on_agent_failure if own is None else own,
        )

    # Admission, sampling.

    def _begin(self, call: Call, route: Route | None = None) -> None:
        """Let a call live by its route's scenario, its agent's, or the default one."""
        scenario = self._scenarios.choose(
            route.scenario if route is not None else None,
            self.config.agents[call.facts.agent].scenario,
            direction=call.facts.direction,
        )
        life = call.live(partial(running.run, scenario, call))
        self._switchboard.begin(call, life, papers=self._papers, metrics=self.metrics)

    def _admit(self, refusal: Refused | None) -> None:
        """Let the SIP thread refuse on its own while there is no room."""
        if refusal is None:
            self._user_agent.set_admission(None)
            return
        self._user_agent.set_admission(
            Refusal(
                code=refusal.sip_code,
                reason=str(refusal.cause),
                retry_after_s=refusal.retry_after_s,
            )
        )

    def _fared(self, reading: Reading) -> None:
        """Take a reading of the process's health."""
        self.admission.read(reading)
        self._switchboard.review()

    def _likely_rate(self, trunk: str) -> int:
        """The codec's rate of the trunk's last call: what the next one will most likely have.

        The Ultravox call is created before the callee has chosen a codec.
        """
        for call in (*reversed(self.calls.values()), *self._switchboard.lately()):
            if call.facts.trunk == trunk and call.media is not None:
                return native_rate(call.media.encoding)
        return TELEPHONE_RATE

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_INTERVAL_S)
            self.metrics.sample(self.calls.values())
            for call in self.calls.values():
                call.parties.judge()


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
