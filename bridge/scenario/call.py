"""A call as its scenario sees it."""

from collections.abc import Mapping

from bridge import call as engine
from bridge.facts import Facts
from bridge.party import Party
from bridge.talk import Talk

__all__ = ["Call"]

NO_HEADERS: Mapping[str, str] = {}


class Call:
    """What a scenario does to its call.

    Whatever ends the call (a hang-up anywhere, an order of the operator) cancels the scenario.
    """

    def __init__(self, call: engine.Call) -> None:
        self._call = call

    @property
    def id(self) -> str:
        """Its name in the log, the API and the journal."""
        return self._call.id

    @property
    def facts(self) -> Facts:
        """Who calls whom, through which trunk, with which headers and variables."""
        return self._call.facts

    @property
    def leg(self) -> Party:
        """The party that the call began with: the caller, or whom we call."""
        return self._call.first

    # Before the answer.

    async def ring(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Say 180: the phone rings here."""
        assert self._call.leg is not None
        await self._call.leg.ring(headers)
        self._call.reach("ringing")

    async def answer(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Answer, and wait until the caller has acknowledged it. Agents are heard from then on."""
        call, party = self._call, self._call.first
        assert party.leg is not None
        call.refusable = False
        await party.leg.answer(headers)
        await party.answered.wait()
        call.guard(party)
        await call.recorder.start_as_planned()
        self._let_speak()

    async def dial(self, *, meanwhile: Talk | None = None) -> Party:
        """Place the call as it was ordered, and wait for the answer.

        The ringing stops where the agent `meanwhile` cannot be made.
        """
        await self._call.place(meanwhile)
        return self._call.first

    # Agents.

    def prepare_agent(self) -> Talk:
        """Begin to create the Ultravox call of the configured agent; `join` puts it on the call."""
        talk = self._call.talk
        talk.reserve(ring_s=self._call.ring_s)
        return talk

    async def create_agent(self) -> Talk:
        """Create and join the configured agent. Raises AgentError."""
        return await self.join(self.prepare_agent())

    async def join(self, agent: Talk) -> Talk:
        """Put a prepared agent on the call. Raises AgentError."""
        await agent.created()
        self._call.reach("agent-created")
        await agent.join()
        self._call.reach("agent-joined")
        return agent

    async def converse(self, agent: Talk) -> None:
        """Let them talk until the agent's side ends it, which ends the call."""
        await self._call.converse(agent)

    # Who hears whom.

    def bridge(self, a: Party | Talk, b: Party | Talk) -> None:
        """Let two of legs and agents hear each other."""
        self._call.patchbay.connect(a, b)
        self._call.patchbay.connect(b, a)
        self._let_speak()

    def unbridge(self, a: Party | Talk, b: Party | Talk) -> None:
        """Let them hear each other no more."""
        self._call.patchbay.disconnect(a, b)
        self._call.patchbay.disconnect(b, a)

    def _let_speak(self) -> None:
        """Let agents be heard that are connected with somebody who listens."""
        call = self._call
        for talk in call.talks:
            listeners = [p for p in call.parties if call.patchbay.hears(p, talk)]
            if not talk.begun and any(p.answered.is_set() for p in listeners):
                talk.begin()
