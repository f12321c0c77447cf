"""How calls come into being: by an INVITE from a trunk, or by an order.

INVITE ──> route ──┐
                   ├──> agent, rate, limits ──> Call ──> scenario ──> Switchboard
order ───> Desk ───┘
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial

from bridge import ending, routing, transfer
from bridge.agents.agent import Agent
from bridge.background import Background
from bridge.call import Call
from bridge.config import Config, Route
from bridge.errors import AgentFull, NotNow, OrderError, Refused
from bridge.facts import Direction, Facts
from bridge.media.formats import preferred_codec, spoken
from bridge.outbound.desk import Desk
from bridge.outbound.hunt import Hunt
from bridge.outbound.order import Order
from bridge.outbound.ways import Way
from bridge.plan import Plan
from bridge.recording.recordings import Recordings
from bridge.scenario import running
from bridge.scenario.loading import Scenarios
from bridge.scenario.running import Scenario
from bridge.switchboard import Switchboard
from rtp.codec import native_rate
from sip import Invite, Leg, MediaAddress

__all__ = ["Intake"]

TELEPHONE_RATE = 8000
"""Hz of G.711: what most trunks speak."""
UNKNOWN_DIALOG = 481
"""Status of an INVITE that is to replace a call which we do not know (RFC 3891 section 3)."""
DECLINED = 603
"""Where that one is over, or another INVITE replaces it."""


class Intake:
    """Takes calls or refuses them, in either direction, and hands them to the switchboard."""

    def __init__(
        self,
        config: Config,
        *,
        agents: Mapping[str, Agent],
        scenarios: Scenarios,
        desk: Desk,
        switchboard: Switchboard,
        recordings: Recordings,
        background: Background,
    ) -> None:
        self._config = config
        self._codecs = spoken(config.media.codecs)
        self._agents = agents
        self._scenarios = scenarios
        self._desk = desk
        self._lines, self._shared = desk.lines, desk.shared
        self._switchboard = switchboard
        self._recordings = recordings
        self._background = background
        self._coming: Counter[str] = Counter()
        """Orders by agent that are no calls yet."""

    async def place(self, order: Order) -> Call:
        """Begin an outbound call and return it at once.

        Raises OrderError where the order cannot be carried out as given, and Draining, Full,
        Overloaded, NoPorts or Unreachable.
        """
        self._raise_if_refusing()
        agent = self._agents.get(order.agent)
        if agent is None:
            raise OrderError(f"there is no agent {order.agent!r}")
        self._check_room_with(agent)

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

        self._coming[order.agent] += 1
        try:
            return await self._desk.take(order, begin)
        finally:
            self._coming[order.agent] -= 1

    def invited(self, leg: Leg) -> None:
        """Take an INVITE that came from one of our trunks, or refuse it."""
        assert leg.invite is not None
        invite = leg.invite
        if invite.replaces is not None:
            self._replace(leg, invite, invite.replaces)
            return
        try:
            self._raise_if_refusing()
            self._receive(leg, invite)
        except Refused as refusal:
            self._refuse(leg, invite, refusal)

    def _replace(self, leg: Leg, invite: Invite, replaced: str) -> None:
        """Let an INVITE take the place of a party of a call that is alive (RFC 3891)."""
        code = UNKNOWN_DIALOG
        for call in self._switchboard.alive.values():
            party = call.parties.of(replaced)
            if party is None:
                continue
            if party.claimed or call.outcome is not None:
                code = DECLINED
                break
            party.claimed = True
            try:
                call.spawn(transfer.take_over(call, party, leg), name="replacement")
            except NotNow:
                code = DECLINED
                break
            return
        self._lines.unlease(invite.media)
        self._background.spawn(leg.reject(code), name=f"refusal of {leg.id}")

    def _receive(self, leg: Leg, invite: Invite) -> None:
        codec = preferred_codec(invite.offer, self._codecs)
        choice = routing.choose(
            self._config.routes,
            trunk=invite.trunk,
            to=invite.to_user,
            from_=invite.from_user,
            headers=invite.headers,
        )
        facts = _facts_of(invite, agent=choice.agent)
        agent = self._agents[choice.agent]
        self._check_room_with(agent)
        rate, route = native_rate(codec), choice.route
        call = self._new_call(facts, agent, invite.media, codec_rate=rate, leg=leg, route=route)
        self._begin(call, route)

    def _refuse(self, leg: Leg, invite: Invite, refusal: Refused) -> None:
        outcome = refusal.outcome
        self._switchboard.refused(_facts_of(invite, agent=""), outcome)
        self._lines.unlease(invite.media)
        refused = leg.reject(outcome.sip_code, headers=ending.headers_of(outcome))
        self._background.spawn(refused, name=f"refusal of {leg.id}")

    def _raise_if_refusing(self) -> None:
        if (refusal := self._switchboard.refusal) is not None:
            raise refusal

    def _check_room_with(self, agent: Agent) -> None:
        limit, name = agent.config.max_calls, agent.name
        if limit and self._switchboard.alive_with(name) + self._coming[name] >= limit:
            raise AgentFull(f"agent {name} has all its {limit} calls")

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
        plan = Plan.settled(
            self._config,
            agent,
            self._agents,
            codec_rate=codec_rate,
            ring_timeout_s=hunt.longest_s if hunt is not None else 0.0,
            route=route,
        )
        return Call(
            facts,
            plan,
            desk=self._desk,
            recordings=self._recordings,
            media=media,
            leg=leg,
            hunt=hunt,
        )

    def _begin(self, call: Call, route: Route | None = None) -> None:
        """Let a call live by its route's scenario, its agent's, or the default one."""
        scenario = self._scenarios.choose(
            route.scenario if route is not None else None,
            self._config.agents[call.facts.agent].scenario,
            direction=call.facts.direction,
        )
        self._switchboard.begin(call, call.live(partial(self._run, scenario, call)))

    async def _run(self, scenario: Scenario, call: Call) -> None:
        """Live by the scenario, once there is room for the call in what the bridges share."""
        facts = call.facts
        if facts.direction is Direction.INBOUND:
            await self._shared.enter_trunk(facts.trunk, call.first, force=True)
        await self._shared.enter_agent(facts.agent, call.id)
        await running.run(scenario, call)

    def _likely_rate(self, trunk: str) -> int:
        """The codec's rate of the trunk's last call: what the next one will most likely have.

        The Ultravox call is created before the callee has chosen a codec.
        """
        alive, lately = self._switchboard.alive.values(), self._switchboard.lately()
        for call in (*reversed(alive), *lately):
            if call.facts.trunk == trunk and call.first.media is not None:
                return native_rate(call.first.media.encoding)
        return TELEPHONE_RATE


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
