"""The parties of one call: who they are, who is first, how they leave."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bridge import ending
from bridge.facts import Direction
from bridge.outbound.desk import Desk
from bridge.outcome import Cause, Outcome, Result
from bridge.parties import prompts
from bridge.parties.party import Party
from rtp import PortPool
from sip import Leg, MediaAddress

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Parties"]

GIVEN_BACK = Outcome(result=Result.SUCCESS, cause=Cause.TRANSFERRED)
"""How the leg of a party ends whose place another has taken."""


class Parties:
    """Who is on the telephone in a call. The first is there from the beginning to the end."""

    def __init__(self, call: "Call", desk: Desk, *, media: MediaAddress, leg: Leg | None) -> None:
        self.desk = desk
        """Who finds the ways to further parties."""
        self._call = call
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
        return max(1, sum(party.alive for party in self._all)) if self.several else 1

    @property
    def several(self) -> bool:
        """Whether there are, or were, more than one."""
        return len(self._all) > 1

    def on_trunk(self, trunk: str) -> int:
        """How many of its legs a trunk carries."""
        return sum(party.alive and party.trunk == trunk for party in self._all)

    def of(self, leg_id: str) -> Party | None:
        """The party of a leg, where it is one of this call."""
        return next((p for p in self if p.leg is not None and p.leg.id == leg_id), None)

    @property
    def ports(self) -> PortPool:
        """Where the ports of legs go back to."""
        return self._lines.ports

    def number(self, to: str, party: Party) -> str:
        """A number as the trunk of a party wants it. Raises OrderError."""
        return self._lines.number(party.trunk, to)

    # They come.

    def add(
        self, name: str, port: int, *, trunk: str, to: str = "", leg: Leg | None = None
    ) -> Party:
        """One more party, on a leased port, whose stream is not open yet."""
        party = self._make(name, port, trunk=trunk, to=to, leg=leg)
        party.dialling = leg is None
        self._count(party)
        return party

    def pick_up(self, ringing: Party, other: Party) -> None:
        """Have `other` answer what rings here; whoever dialled that takes whom it got instead."""
        if ringing is self.first:
            self.first, ringing.to = other, self._call.facts.callee
            self._call.answered()
        ringing.successor.set_result(other)

    def welcome(self, party: Party) -> None:
        """Take a party over from another call. Raises NotNow where this one is just ending.

        It ends with it then, too.
        """
        party.owner = self._call.attendance
        party.timings["joined"] = self._call.age
        self._count(party)
        self._call.attendance.attend(party)
        self._call.attendance.guard(party)

    # They go.

    def part_with(self, party: Party) -> None:
        """Let a party go to another call, which `welcome`s it; its leg stays as it is."""
        for task in party.work:
            task.cancel()  # what it has not read yet of the leg's events is still there
        party.work.clear()
        prompts.silence(party)
        self._call.patchbay.remove(party)
        self._all.remove(party)
        self._call.legs_changed()

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
        party.essential = party.dialling = False
        if outcome is not None:
            self._call.attendance.over(party, outcome)
        self._call.patchbay.remove(party)
        await party.hang_up(ending.GIVEN_UP, headers)
        await party.close(self.ports)
        self._call.legs_changed()

    async def hang_up(self, outcome: Outcome) -> None:
        """End every leg: the call is over."""
        for party in self:
            party.digits.close()
        headers = ending.headers_of(outcome)
        await asyncio.gather(*(party.hang_up(outcome.sip_code, headers) for party in self))

    async def close(self) -> None:
        """Give back all ports."""
        for party in self:
            await party.close(self.ports)

    def _count(self, party: Party) -> None:
        self._all.append(party)
        self._call.legs_changed()

    def _make(
        self, name: str, port: int, *, trunk: str, to: str = "", leg: Leg | None = None
    ) -> Party:
        call = self._call
        party = Party(
            partial(self._lines.stream, port),
            name=name,
            trunk=trunk,
            config=self._lines.trunks[trunk],
            to=to,
            rate=call.rate,
            digit_pause_s=call.talk.agent.config.dtmf.pause_ms / 1000,
            opus=self._lines.opus,
            owner=call.attendance,
        )
        party.leg = leg
        return party
