"""The legs of one call: dialled, taken in, given up."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bridge import ending
from bridge.agents.talk import Talk
from bridge.errors import Hangup, NotAnswered
from bridge.facts import Direction
from bridge.outbound.desk import Desk
from bridge.outbound.order import Order
from bridge.outcome import Cause, Outcome, Result
from bridge.parties import prompts
from bridge.parties.party import Party
from rtp import PortPool
from sip import Leg, MediaAddress

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Parties"]

ANSWER_S = 32.0
"""How long the ACK of our answer may take: RFC 3261's timer H."""
GIVEN_BACK = Outcome(result=Result.SUCCESS, cause=Cause.TRANSFERRED)
"""How the leg of a party ends whose place another has taken."""


class Parties:
    """Who is on the telephone in a call. The first is there from the beginning to the end."""

    def __init__(self, call: "Call", desk: Desk, *, media: MediaAddress, leg: Leg | None) -> None:
        self._call = call
        self._desk = desk
        self._lines = desk.lines
        inbound = call.facts.direction is Direction.INBOUND
        self.first = self._make(
            "caller" if inbound else "callee", media.port, trunk=call.facts.trunk, leg=leg
        )
        self.first.essential = True
        if call.hunt is not None:
            self.first.attempts = call.hunt.attempts
        self._all = [self.first]

    def __iter__(self) -> Iterator[Party]:
        return iter(tuple(self._all))

    @property
    def others(self) -> Sequence[Party]:
        """All but the first, those who are gone too, in the order in which they came."""
        return tuple(party for party in self._all if party is not self.first)

    @property
    def places(self) -> int:
        """How many legs the call takes up; it is never less than one."""
        return max(1, sum(party.alive for party in self._all))

    def on_trunk(self, trunk: str) -> int:
        """How many of its legs a trunk carries."""
        return sum(party.alive and party.trunk == trunk for party in self._all)

    async def place(self, meanwhile: Talk | None) -> None:
        """Dial the first party, and wait for its answer.

        The agent `meanwhile` is made while it rings, and its failure stops the ringing. Raises
        Hangup where it does not answer, AgentError, SipError.
        """
        call, dialled = self._call, self.first
        assert call.hunt is not None
        made = None
        if meanwhile is not None:
            made = asyncio.ensure_future(self._make_agent(meanwhile))
        try:
            await call.hunt.reach(call, dialled, made)
        except Hangup as failed:
            call.attendance.over(dialled, failed.outcome)
            raise
        finally:
            if made is not None:
                made.cancel()
                await asyncio.wait([made])
        if dialled.successor.done():
            await self._relieve(dialled)
        call.attendance.guard(self.first)
        await call.recorder.start_as_planned()

    async def _make_agent(self, talk: Talk) -> None:
        await talk.created()
        self._call.reach("agent-created")

    async def dial(
        self,
        to: str,
        *,
        name: str,
        trunks: Sequence[str] = (),
        timeout_s: float | None = None,
        caller_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Party:
        """Dial one more party, and wait for its answer; the call goes on where there is none.

        Returns whoever came to the telephone: somebody else may pick up what rings (`successor`).
        Through `trunks`, the next where one fails; through those of `outbound` where none are
        named, or else the call's own. Raises NotAnswered, OrderError, Full, NoPorts.
        """
        call = self._call
        order = Order(
            to=to,
            agent="",
            trunks=tuple(trunks),
            caller_id=caller_id,
            headers=headers or {},
            ring_timeout_s=timeout_s,
        )
        errand = self._desk.second(order, otherwise=call.facts.trunk)
        party = self._make(name, errand.port, trunk=errand.trunk, to=to)
        party.dialling = True
        self._add(party)
        party.timings["dialled"] = call.age
        failed: Outcome | None = None
        try:
            await party.stream.open()
            await errand.hunt.reach(call, party)
        except Hangup as error:
            failed = error.outcome
            raise NotAnswered(failed) from error
        finally:
            if not party.answered.is_set() and not party.successor.done():
                await self.give_up(party, failed)
        if party.successor.done():
            await self._relieve(party)
            party = party.successor.result()
        call.attendance.guard(party)
        return party

    @property
    def ports(self) -> PortPool:
        """Where the ports of legs go back to."""
        return self._lines.ports

    def number(self, to: str, party: Party) -> str:
        """A number as the trunk of a party wants it. Raises OrderError."""
        return self._lines.number(party.trunk, to)

    async def adopt(self, leg: Leg) -> Party:
        """Answer one more call that came in, as part of this one.

        Raises NotAnswered where its caller gave up before, SipError.
        """
        assert leg.invite is not None
        attendance = self._call.attendance
        party = self._make("replacement", leg.invite.media.port, trunk=leg.trunk, leg=leg)
        self._add(party)
        failed: Outcome | None = None
        try:
            await party.stream.open()
            attendance.attend(party)
            await leg.answer()
            await attendance.answer_of(party, ANSWER_S)
        except NotAnswered as error:
            failed = error.outcome
            raise
        finally:
            if not party.answered.is_set():
                await self.give_up(party, failed)
        attendance.guard(party)
        return party

    def pick_up(self, ringing: Party, other: Party) -> None:
        """Have `other` answer what rings here; whoever dialled that takes whom it got instead."""
        if ringing is self.first:
            self.first, ringing.to = other, self._call.facts.callee
            self._call.first_answered()
        ringing.successor.set_result(other)

    def of(self, leg_id: str) -> Party | None:
        """The party of a leg, where it is one of this call."""
        return next((p for p in self if p.leg is not None and p.leg.id == leg_id), None)

    async def _relieve(self, party: Party) -> None:
        """Let a phone ring no more that was picked up, or hang up if its answer came after all."""
        await self.give_up(party, ending.PICKED_UP, headers=ending.ELSEWHERE)

    async def give_up(
        self,
        party: Party,
        outcome: Outcome | None = GIVEN_BACK,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """End a party's leg with an outcome, None where that is the call's.

        The call goes on without it.
        """
        party.essential = False
        if outcome is not None:
            self._call.attendance.over(party, outcome)
        self._call.patchbay.remove(party)
        await party.hang_up(ending.GIVEN_UP, headers)
        await party.close(self.ports)

    async def part_with(self, party: Party) -> None:
        """Let a party go to another call, which `welcome`s it; its leg stays as it is."""
        for task in party.work:
            task.cancel()
        await asyncio.gather(*party.work, return_exceptions=True)
        party.work.clear()
        prompts.silence(party)
        self._call.patchbay.remove(party)
        self._all.remove(party)
        self._call.legs_changed()

    def welcome(self, party: Party) -> None:
        """Take a party over from another call."""
        party.owner = self._call.attendance
        party.timings["joined"] = self._call.age
        self._add(party)
        self._call.attendance.attend(party)
        self._call.attendance.guard(party)

    async def close(self) -> None:
        """Give back all ports."""
        for party in self:
            await party.close(self.ports)

    def _add(self, party: Party) -> None:
        self._all.append(party)
        self._call.legs_changed()

    def _make(
        self, name: str, port: int, *, trunk: str, to: str = "", leg: Leg | None = None
    ) -> Party:
        """A party on a leased port, whose stream is not open yet."""
        party = Party(
            partial(self._lines.stream, port),
            name=name,
            trunk=trunk,
            config=self._lines.trunks[trunk],
            to=to,
            rate=self._call.rate,
            digit_pause_s=self._call.talk.agent.config.dtmf.pause_ms / 1000,
            opus=self._lines.opus,
            owner=self._call.attendance,
        )
        party.leg = leg
        return party
