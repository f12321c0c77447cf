"""The agents of one call: made, joined, listened to until their side closes."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.agents.talk import Talk
from bridge.errors import AgentLost, Hangup, OrderError
from bridge.facts import Direction
from bridge.happenings import AgentLost as Lost
from bridge.outcome import Cause, Outcome, Result

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Talks"]

LAST_WORDS_S = 5.0
"""How much of the queued speech is still played when the agent was lost."""
PHONE_BUFFER_S = 0.15
"""From the last packet to the BYE: what the phone's own jitter buffer still has to play."""


class Talks:
    """Every agent session of a call, the latest last. There is always one, if only foreseen."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self._agent, self._agents = call.plan.agent, call.plan.agents
        self._all = [Talk(self._agent, call, facts=call.facts, rate=call.rate)]

    def __iter__(self) -> Iterator[Talk]:
        return iter(tuple(self._all))

    @property
    def latest(self) -> Talk:
        """The one that began last."""
        return self._all[-1]

    def prepare(
        self,
        name: str | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        join_url: str | None = None,
    ) -> Talk:
        """Begin to create an agent's Ultravox call; without a `name` that of the call's own agent.

        Raises OrderError where there is no such agent.
        """
        agent = self._agent if name is None else self._agents.get(name)
        if agent is None:
            raise OrderError(f"there is no agent {name!r}")
        foreseen = self.latest
        if foreseen.reserved or agent is not foreseen.agent or body or query or join_url:
            call = self._call
            talk = Talk(
                agent,
                call,
                facts=call.facts,
                rate=call.rate,
                body=body,
                query=query,
                join_url=join_url,
            )
            if not foreseen.reserved:
                self._all.remove(foreseen)
                foreseen.close()
            self._all.append(talk)
        outbound = self._call.facts.direction is Direction.OUTBOUND
        self.latest.reserve(ring_s=self._call.plan.limits.ring_timeout_s if outbound else 0.0)
        return self.latest

    async def join(self, talk: Talk) -> None:
        """Put an agent on the call. Raises AgentError."""
        await talk.created()
        self._call.chronicle.reach("agent-created")
        await talk.join()
        self._call.chronicle.reach("agent-joined")

    async def converse(self, talk: Talk) -> None:
        """Let an agent talk until its side closes; what it said before is heard first.

        Raises Hangup, or AgentLost.
        """
        call = self._call
        close = await talk.ended()
        call.note("agent-left", agent=talk.agent.name, code=close.code, reason=close.reason)
        await self._unneeded(talk)
        listeners = [party for party in call.parties if talk in call.patchbay.sources(party)]
        longest_s = call.plan.limits.drain_s
        drain_s = longest_s if close.clean else min(LAST_WORDS_S, longest_s)
        await asyncio.gather(*(party.stream.drain(drain_s) for party in listeners))
        if not close.clean:
            detail = f"close code {close.code} {close.reason}".strip()
            call.patchbay.clear(talk)
            call.announce(Lost(agent=talk, detail=detail))
            raise AgentLost(detail)
        await asyncio.sleep(PHONE_BUFFER_S)
        raise Hangup(Outcome(result=Result.SUCCESS, cause=Cause.AGENT_HUNG_UP))

    async def _unneeded(self, talk: Talk) -> None:
        """Return where the call has to end with an agent; not while others carry it on."""
        await self._call.transfers.settled()
        if not talk.needed:
            await asyncio.Event().wait()  # the legs end the call

    def transcript(self) -> list[dict[str, Any]]:
        """What was said to and by all of them so far, as the journal keeps it."""
        return [each for talk in self for each in talk.transcript()]

    async def dismiss(self, talk: Talk) -> None:
        """Let an agent go; the call goes on without it."""
        self._call.patchbay.remove(talk)
        await talk.release()

    async def release(self) -> None:
        """Leave every Ultravox call, joined or not: the call is over."""
        for talk in self:
            talk.invocations.close()
        self._agent.bench.over(self._call.facts.id)
        for talk in self:
            await talk.release()
