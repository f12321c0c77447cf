"""The legs of one call: dialled, followed, guarded, given up."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bridge import ending
from bridge.agents.talk import Talk
from bridge.errors import Hangup, NotAnswered
from bridge.facts import Direction
from bridge.happenings import Digits, HangUp, Hold, MediaQuality
from bridge.outbound.desk import Desk
from bridge.outbound.order import Order
from bridge.outcome import Cause, Outcome, Result
from bridge.parties import guard, prompts
from bridge.parties.party import Party
from rtp.quality import estimate
from sip import Answered, Ended, Leg, LegEvent, MediaAddress, ReferRequested, Ringing

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Parties"]

T = TypeVar("T")

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
        call = self._call
        assert call.hunt is not None
        made = None
        if meanwhile is not None:
            made = asyncio.ensure_future(self._make_agent(meanwhile))
        try:
            await call.hunt.reach(call, self.first, made)
        except Hangup as failed:
            self._over(self.first, failed.outcome)
            raise
        finally:
            if made is not None:
                made.cancel()
                await asyncio.wait([made])
        self.guard(self.first)
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
            if not party.answered.is_set():
                await self.give_up(party, failed)
        self.guard(party)
        return party

    def number(self, to: str, party: Party) -> str:
        """A number as the trunk of a party wants it. Raises OrderError."""
        return self._lines.number(party.trunk, to)

    async def adopt(self, leg: Leg) -> Party:
        """Answer one more call that came in, as part of this one.

        Raises NotAnswered where its caller gave up before, SipError.
        """
        assert leg.invite is not None
        party = self._make("replacement", leg.invite.media.port, trunk=leg.trunk, leg=leg)
        self._add(party)
        failed: Outcome | None = None
        try:
            await party.stream.open()
            self.attend(party)
            await leg.answer()
            await self._answer_of(party, ANSWER_S)
        except NotAnswered as error:
            failed = error.outcome
            raise
        finally:
            if not party.answered.is_set():
                await self.give_up(party, failed)
        self.guard(party)
        return party

    def of(self, leg_id: str) -> Party | None:
        """The party of a leg, where it is one of this call."""
        return next((p for p in self if p.leg is not None and p.leg.id == leg_id), None)

    async def _answer_of(self, party: Party, timeout_s: float) -> None:
        assert party.leg is not None
        await _first(party.answered.wait(), party.ended, timeout_s=timeout_s)
        if party.answered.is_set():
            return
        if party.ended.done():
            raise NotAnswered(self._outcome(party, party.ended.result()))
        raise NotAnswered(ending.unanswered(party.leg, timeout_s))

    async def give_up(self, party: Party, outcome: "Outcome | None" = GIVEN_BACK) -> None:
        """End a party's leg with an outcome, None where that is the call's.

        The call goes on without it.
        """
        party.essential = False
        if outcome is not None:
            self._over(party, outcome)
        self._call.patchbay.remove(party)
        await party.hang_up(ending.GIVEN_UP)
        await party.close(self._lines.ports)

    def attend(self, party: Party) -> None:
        """Follow a party's leg from now on."""
        assert party.leg is not None
        self._work(party, self._follow(party), "leg")
        self._work(party, party.keypad.serve(party.leg), "keypad")

    def _work(self, party: Party, work: Coroutine[Any, Any, None], name: str) -> None:
        party.work.append(self._call.spawn(work, name=f"{party.name} {name}"))

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
        party.owner = self
        party.timings["joined"] = self._call.age
        self._add(party)
        self.attend(party)
        self.guard(party)

    def guard(self, party: Party) -> None:
        """End the call, or the leg that it can do without, when its wire falls silent."""
        if self._call.limits.rtp_timeout_s:
            self._work(party, self._watch(party), "guard")

    def judge(self) -> None:
        """Tell the scenario how each leg has sounded so far."""
        if not self._call.listeners:
            return
        for party in self:
            if party.media is not None and party.answered.is_set():
                quality = estimate(party.stream.stats, party.media.encoding)
                self._call.announce(
                    MediaQuality(leg=party, uplink=quality.uplink, downlink=quality.downlink)
                )

    async def close(self) -> None:
        """Give back all ports."""
        for party in self:
            await party.close(self._lines.ports)

    async def _follow(self, party: Party) -> None:
        assert party.leg is not None
        async for event in party.leg.events:
            party.take(event)
            if party is self.first:
                self._call.first_did(event)
            else:
                self._tell(party, event)
            if isinstance(event, ReferRequested):
                self._call.transfer_asked(party, event)
            if isinstance(event, Ended) and not party.dialling:
                await self._gone(party, self._outcome(party, event))

    async def _gone(self, party: Party, outcome: "Outcome") -> None:
        """A party's leg is over, and so is the call that is nothing without it."""
        self._over(party, outcome)
        if party.essential:
            raise Hangup(self._call.last_word or outcome)
        self._call.patchbay.remove(party)
        await party.close(self._lines.ports)

    def _add(self, party: Party) -> None:
        self._all.append(party)
        self._call.legs_changed()

    def _over(self, party: Party, outcome: "Outcome") -> None:
        """Note how a party's leg ended; what comes later is no news."""
        if party.outcome is not None:
            return
        call = self._call
        party.outcome = outcome
        party.timings["ended"] = call.age
        if party is not self.first:
            call.note(
                "leg-ended",
                leg=party.name,
                result=outcome.result,
                cause=outcome.cause,
                sip_code=outcome.sip_code,
                detail=outcome.detail,
            )
        call.announce(HangUp(leg=party, outcome=outcome))
        call.legs_changed()

    def _tell(self, party: Party, event: LegEvent) -> None:
        """Tell of the steps of a leg that is not the first."""
        match event:
            case Ringing():
                step = "ringing"
            case Answered():
                step = "answered"
            case _:
                return
        if step not in party.timings:
            party.timings[step] = self._call.age
            self._call.note(f"leg-{step}", leg=party.name)

    async def _watch(self, party: Party) -> None:
        silent = guard.silent(party, timeout_s=self._call.limits.rtp_timeout_s)
        outcome = await _first(silent, party.ended)
        if outcome is None:
            return
        if party.essential:
            raise Hangup(outcome)
        await self.give_up(party, outcome)

    def outcome_of(self, party: Party) -> "Outcome | None":
        """How a party's leg ended, where it has."""
        ended = party.leg.ended if party.leg is not None else None
        return None if ended is None else self._outcome(party, ended)

    def _outcome(self, party: Party, ended: Ended) -> "Outcome":
        inbound = party is self.first and self._call.facts.direction is Direction.INBOUND
        if party.answered.is_set():
            return ending.of_answered(ended, inbound=inbound)
        return ending.of_inbound(ended) if inbound else ending.of_outbound(ended)

    def _make(
        self, name: str, port: int, *, trunk: str, to: str = "", leg: Leg | None = None
    ) -> Party:
        """A party on a leased port, whose stream is not open yet."""
        config = self._lines.trunks[trunk]
        party = Party(
            partial(self._lines.stream, port),
            name=name,
            trunk=trunk,
            to=to,
            rate=self._call.rate,
            digit_pause_s=self._call.talk.agent.config.dtmf.pause_ms / 1000,
            dtmf_out=config.dtmf_out,
            gain_in_db=config.gain_in_db,
            gain_out_db=config.gain_out_db,
            opus=self._lines.opus,
            owner=self,
        )
        party.leg = leg
        return party

    def spoken_to(self, party: Party, at: float) -> None:
        """A talkspurt reached a party at loop time `at`; an agent's is the end of a turn."""
        sources = self._call.patchbay.sources(party)
        if len(sources) == 1 and isinstance(talk := sources[0], Talk):
            talk.speech_began(at)

    def pressed(self, party: Party, digits: str) -> None:
        """A party pressed digits: agents that hear it are told."""
        call = self._call
        call.note_digits("digits", digits)
        call.announce(Digits(leg=party, digits=digits))
        for talk in call.talks:
            if call.patchbay.hears(talk, party):
                talk.tell_digits(digits)

    def hold_changed(self, party: Party) -> None:
        """A party is held, or no longer."""
        if party is self._call.current:
            self._call.recorder.hold(held=party.held)
            self._call.note("held" if party.held else "resumed")
        self._call.announce(Hold(leg=party, held=party.held))


async def _first(
    work: Coroutine[Any, Any, T], over: asyncio.Future[Any], *, timeout_s: float | None = None
) -> T | None:
    """What `work` comes to, or None where `over` or the timeout came before."""
    working = asyncio.ensure_future(work)
    both: list[asyncio.Future[Any]] = [working, over]
    try:
        await asyncio.wait(both, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
