"""One attempt to reach a party: an INVITE, and what comes of it."""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge import ending
from bridge.lines.lines import Lines
from bridge.outbound.failover import Attempt
from bridge.outbound.step import TROUBLED, Step
from bridge.outcome import Outcome
from bridge.parties.party import Party
from sip import Ended, Leg, MediaAddress

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Dialling"]

_SECONDS = re.compile(r"\s*(\d{1,6})\b", re.ASCII)


class Dialling:
    """One INVITE, and what comes of it."""

    def __init__(
        self,
        call: "Call",
        party: Party,
        step: Step,
        *,
        lines: Lines,
        creation: "asyncio.Future[Any] | None",
    ) -> None:
        self.rang = False
        self.invited = True
        """Whether an INVITE could be made."""
        self.sip_call_id = ""
        self.step = step
        self._call = call
        self._party = party
        self._lines = lines
        self._creation = creation

    async def run(self, media: MediaAddress, *, headers: Mapping[str, str]) -> Outcome | None:
        """Dial, and wait; None when it was answered."""
        way, party = self.step.way, self._party
        if party.successor.done():
            return ending.PICKED_UP
        party.redial(way.trunk, self._lines.trunks[way.trunk])
        leg = party.leg = await self._lines.dial(
            way.trunk,
            way.to,
            media=media,
            caller_id=way.caller_id,
            headers=headers,
            server=self.step.server,
        )
        self._call.attendance.attend(party)
        try:
            outcome = await self._answer(leg)
        finally:
            self._heard_of(leg)
        if outcome is None:
            return None
        if self.step.goes_on(outcome, rang=self.rang):
            for task in party.work:
                task.cancel()
            party.work.clear()
            await party.hang_up()
        return outcome

    def _heard_of(self, leg: Leg) -> None:
        call = self._call
        self.rang, self.sip_call_id = leg.rang, leg.sip_call_id
        if self._party is call.first:
            call.facts = replace(call.facts, sip_call_id=leg.sip_call_id)

    async def _answer(self, leg: Leg) -> Outcome | None:
        way, party, creation = self.step.way, self._party, self._creation
        over = (party.ended, party.successor)
        answered = asyncio.ensure_future(party.answered.wait())
        try:
            soon = min(way.trying_timeout_s, way.ring_timeout_s)
            if not await _either(answered, *over, creation=creation, timeout_s=soon):
                if not leg.proceeding:
                    return ending.unanswered(leg, soon)
                rest = way.ring_timeout_s - soon
                await _either(answered, *over, creation=creation, timeout_s=rest)
            if party.answered.is_set():
                return None
            if party.successor.done():
                return ending.PICKED_UP
            if party.ended.done():
                return _refused(party.ended.result())
            return ending.unanswered(leg, way.ring_timeout_s)
        finally:
            answered.cancel()

    def kept(self, outcome: Outcome | None, seconds: float) -> Attempt:
        """What the record says of it: how it failed, if it did, and how long it took."""
        way = self.step.way
        return Attempt(
            trunk=way.trunk,
            to=way.to,
            outcome=outcome,
            seconds=seconds,
            sip_call_id=self.sip_call_id,
        )


def _refused(ended: Ended) -> Outcome:
    """The outcome of an attempt that the trunk ended, with how long it wants to be left alone."""
    asked = _SECONDS.match(ended.headers.first("Retry-After")) if ended.code == TROUBLED else None
    outcome = ending.of_outbound(ended)
    return outcome if asked is None else replace(outcome, retry_after_s=int(asked[1]))


async def _either(
    *wanted: "asyncio.Future[Any]", creation: "asyncio.Future[Any] | None", timeout_s: float
) -> bool:
    """Wait for any of `wanted`; whether it came in time. Raises what `creation` raises first."""
    pending = {*wanted, creation} if creation is not None else set(wanted)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not any(each.done() for each in wanted):
                if creation is not None and creation.done():
                    creation.result()
                    pending.discard(creation)
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    return any(each.done() for each in wanted)
