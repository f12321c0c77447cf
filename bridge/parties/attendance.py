"""Attendance on the legs of one call: what happens on them is followed, told, and acted on."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from bridge import ending
from bridge.agents.talk import Talk
from bridge.errors import Hangup, NotAnswered, NotNow
from bridge.facts import Direction
from bridge.happenings import Digits, HangUp, Hold, MediaQuality
from bridge.outcome import Outcome
from bridge.parties import guard
from bridge.parties.party import Party
from rtp.quality import estimate
from sip import Answered, Ended, LegEvent, ReferRequested, Ringing

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Attendance"]

T = TypeVar("T")


class Attendance:
    """Follows the parties of a call, each by tasks that live as long as it is there."""

    def __init__(self, call: "Call") -> None:
        self._call = call

    def attend(self, party: Party) -> None:
        """Follow a party's leg from now on."""
        assert party.leg is not None
        self._work(party, self._follow(party), "leg")
        self._work(party, party.keypad.serve(party.leg), "keypad")

    def guard(self, party: Party) -> None:
        """End the call, or the leg that it can do without, when its wire falls silent."""
        if self._call.plan.limits.rtp_timeout_s:
            self._work(party, self._watch(party), "guard")

    async def answer_of(self, party: Party, timeout_s: float) -> None:
        """Wait until a party has answered.

        Raises NotAnswered where its leg ends before, or the time does.
        """
        assert party.leg is not None
        await _first(party.answered.wait(), party.ended, timeout_s=timeout_s)
        if party.answered.is_set():
            return
        if party.ended.done():
            raise NotAnswered(self._outcome(party, party.ended.result()))
        raise NotAnswered(ending.unanswered(party.leg, timeout_s))

    def judge(self) -> None:
        """Tell the scenario how each leg has sounded so far."""
        if not self._call.listeners:
            return
        for party in self._call.parties:
            if party.media is not None and party.answered.is_set():
                quality = estimate(party.stream.stats, party.media.encoding)
                self._call.announce(
                    MediaQuality(leg=party, uplink=quality.uplink, downlink=quality.downlink)
                )

    def over(self, party: Party, outcome: Outcome) -> None:
        """Note how a party's leg ended; what comes later is no news."""
        if party.outcome is not None:
            return
        call = self._call
        party.outcome = outcome
        party.timings["ended"] = call.age
        if party is not call.first:
            call.note(
                "leg-ended",
                leg=party.name,
                result=outcome.result,
                cause=outcome.cause,
                sip_code=outcome.sip_code,
                detail=outcome.detail,
            )
        call.announce(HangUp(leg=party, outcome=outcome, headers=party.last_headers))
        call.legs_changed()

    def all_over(self, outcome: Outcome) -> None:
        """The call is over, and with it each leg that was left: tell the scenario."""
        for party in self._call.parties:
            if party.leg is not None and party.outcome is None:
                self._call.announce(HangUp(leg=party, outcome=outcome))

    def outcome_of(self, party: Party) -> Outcome | None:
        """How a party's leg ended, where it has."""
        ended = party.leg.ended if party.leg is not None else None
        return None if ended is None else self._outcome(party, ended)

    def spoken_to(self, party: Party, at: float) -> None:
        """A talkspurt reached a party at loop time `at`; an agent's is the end of a turn."""
        sources = self._call.patchbay.sources(party)
        if len(sources) == 1 and isinstance(talk := sources[0], Talk):
            talk.speech_began(at)

    def pressed(self, party: Party, digits: str) -> None:
        """A party pressed digits: agents that hear it are told."""
        call = self._call
        self.note_digits("digits", digits)
        call.announce(Digits(leg=party, digits=digits))
        for talk in call.talks:
            if call.patchbay.hears(talk, party):
                talk.tell_digits(digits)

    def keyed(self, party: Party, digit: str) -> None:
        """A party pressed a key: other telephones that hear it get it too, each in its own way."""
        call = self._call
        for other in call.parties:
            if other is party or other.held or party not in call.patchbay.sources(other):
                continue
            with contextlib.suppress(NotNow, ValueError):
                other.keypad.press(digit)

    def note_digits(self, kind: str, digits: str) -> None:
        """Note digits, or how many where they are to be hidden."""
        shown = {} if self._call.talk.agent.config.dtmf.hide else {"digits": digits}
        self._call.note(kind, count=len(digits), **shown)

    def hold_changed(self, party: Party) -> None:
        """A party is held, or no longer."""
        if party is self._call.current:
            self._call.recorder.hold(held=party.held)
            self._call.note("held" if party.held else "resumed")
        self._call.announce(Hold(leg=party, held=party.held))

    def _work(self, party: Party, work: Coroutine[Any, Any, None], name: str) -> None:
        party.work.append(self._call.spawn(work, name=f"{party.name} {name}"))

    async def _follow(self, party: Party) -> None:
        assert party.leg is not None
        async for event in party.leg.events:
            party.take(event)
            self._tell(party, event)
            if isinstance(event, ReferRequested):
                self._call.transfer_asked(party, event)
            if isinstance(event, Ended) and not party.dialling:
                await self._gone(party, self._outcome(party, event))

    async def _gone(self, party: Party, outcome: Outcome) -> None:
        """A party's leg is over, and so is the call that is nothing without it."""
        self.over(party, outcome)
        if party.essential:
            raise Hangup(self._call.last_word or outcome)
        self._call.patchbay.remove(party)
        await party.close(self._call.parties.ports)

    def _tell(self, party: Party, event: LegEvent) -> None:
        """Tell of the steps of a leg; the first one's are the call's."""
        first = party is self._call.first
        match event:
            case Ringing():
                step = "ringing"
            case Answered() if first:
                self._call.answered()
                return
            case Answered():
                step = "answered"
            case _:
                return
        if first:
            self._call.chronicle.reach(step)
        elif step not in party.timings:
            party.timings[step] = self._call.age
            self._call.note(f"leg-{step}", leg=party.name)

    async def _watch(self, party: Party) -> None:
        silent = guard.silent(party, timeout_s=self._call.plan.limits.rtp_timeout_s)
        outcome = await _first(silent, party.ended)
        if outcome is None:
            return
        if party.essential:
            raise Hangup(outcome)
        await self._call.parties.give_up(party, outcome)

    def _outcome(self, party: Party, ended: Ended) -> Outcome:
        inbound = party is self._call.first and self._call.facts.direction is Direction.INBOUND
        if party.sent_away and not ended.remote:
            return ending.of_sent_away(ended)
        if party.answered.is_set():
            return ending.of_answered(ended, inbound=inbound)
        return ending.of_inbound(ended) if inbound else ending.of_outbound(ended)


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
