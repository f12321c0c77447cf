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
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import rtp
from bridge import routing
from bridge.address import PublicAddress
from bridge.agent import Agent
from bridge.background import Background
from bridge.call import Call, Limits
from bridge.config import Config, UltravoxConfig
from bridge.errors import (
    NoPorts,
    OrderError,
    Outcome,
    Refused,
    Unreachable,
)
from bridge.facts import CallId, Direction, Facts
from bridge.formats import preferred_codec, spoken
from bridge.journal import Journal
from bridge.metrics import SAMPLE_INTERVAL_S, Metrics
from bridge.signalling import sip_settings
from bridge.switchboard import Switchboard
from bridge.totals import Totals
from bridge.ultravox.api import Api
from rtp.codec import native_rate
from sip import (
    Invite,
    Leg,
    MediaAddress,
    Refusal,
    Registration,
    SipError,
    StackStats,
    UserAgent,
)

__all__ = ["Order", "Service"]

log = logging.getLogger("bridge.service")

TELEPHONE_RATE = 8000
"""Hz of G.711: what most trunks speak."""
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
        self.metrics = Metrics(self)
        self._inbound = inbound
        self._codecs = spoken(config.media.codecs)
        self._background = Background()
        self._switchboard = Switchboard(
            max_calls=config.sip.max_calls,
            transcripts=config.journal.transcripts,
            on_admission=self._admit,
        )
        self._exits = contextlib.AsyncExitStack()
        self._address: PublicAddress
        self._ports: rtp.PortPool
        self._api: Api
        self._journal: Journal
        self._user_agent: UserAgent
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
    def calls(self) -> dict[CallId, Call]:
        """The calls that are alive, by id."""
        return self._switchboard.alive

    @property
    def totals(self) -> Totals:
        """Counters of the calls that are over."""
        return self._switchboard.totals

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

        Raises OrderError where the order cannot be carried out as given, and Draining, Full or
        NoPorts.
        """
        self._raise_if_refusing()
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

        self._begin(call, call.place(dial, sample_rate=self._likely_rate(trunk)))
        return call

    # Inbound.

    def _invited(self, leg: Leg) -> None:
        """Take an INVITE that came from one of our trunks."""
        assert leg.invite is not None
        invite = leg.invite
        try:
            self._raise_if_refusing()
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
        call = self._new_call(facts, self._agents[choice.agent], invite.media)
        return call, native_rate(codec)

    def _refuse(self, leg: Leg, invite: Invite, refusal: Refused) -> None:
        outcome = refusal.outcome
        self._switchboard.refused(_facts_of(invite, agent=""), outcome, journal=self._journal)
        self._unlease(invite.media)
        headers = {}
        if outcome.retry_after_s is not None:
            headers["Retry-After"] = str(outcome.retry_after_s)
        refused = leg.reject(outcome.sip_code, headers=headers)
        self._background.spawn(refused, name=f"refusal of {leg.id}")

    def _raise_if_refusing(self) -> None:
        if (refusal := self._switchboard.refusal) is not None:
            raise refusal

    # Every call.

    def _new_call(self, facts: Facts, agent: Agent, media: MediaAddress) -> Call:
        def open_stream(
            *,
            on_pcm: Callable[[bytes], None],
            on_digit: Callable[[str], None],
            on_talkspurt: Callable[[float], None],
        ) -> rtp.Stream:
            return rtp.Stream(
                self._ports.claim(media.port),
                on_pcm=on_pcm,
                on_digit=on_digit,
                on_talkspurt=on_talkspurt,
                reorder_cap_s=self.config.media.jitter_max_ms / 1000,
            )

        trunk = self.config.trunks[facts.trunk]
        limits = Limits(
            rtp_timeout_s=self.config.media.rtp_timeout_s,
            ring_timeout_s=trunk.ring_timeout_s,
            drain_s=self.config.media.farewell_s,
        )
        return Call(
            facts, agent=agent, open_stream=open_stream, limits=limits, dtmf_out=trunk.dtmf_out
        )

    # Media addresses, admission, sampling.

    def _begin(self, call: Call, life: Coroutine[Any, Any, Outcome]) -> None:
        self._switchboard.begin(
            call, life, ports=self._ports, journal=self._journal, metrics=self.metrics
        )

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

    def _likely_rate(self, trunk: str) -> int:
        """The codec's rate of the trunk's last call: what the next one will most likely have.

        The Ultravox call is created before the callee has chosen a codec.
        """
        for call in (*reversed(self.calls.values()), *self._switchboard.lately()):
            if call.facts.trunk == trunk and call.media is not None:
                return native_rate(call.media.encoding)
        return TELEPHONE_RATE

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
