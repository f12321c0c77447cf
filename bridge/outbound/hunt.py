"""Bringing a call through: one way after another, until somebody answers or no way is left."""

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge import ending
from bridge.errors import Full, Hangup, NoPorts, OrderError, Unreachable
from bridge.lines.lines import Lines
from bridge.outbound.failover import Attempt
from bridge.outbound.gate import Gate
from bridge.outbound.step import TROUBLED, Step, steps
from bridge.outbound.ways import Way
from bridge.outcome import Cause, Outcome
from bridge.parties.party import Party
from bridge.shared.limits import SharedLimits
from sip import Ended, Leg, MediaAddress, SipError

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Hunt"]

DEAD_S = 30
"""For so long a trunk that said nothing is passed over: its INVITE lives on as long (timer B)."""

_SECONDS = re.compile(r"\s*(\d{1,6})\b", re.ASCII)


class Hunt:
    """The attempts to reach one party."""

    def __init__(
        self,
        ways: Sequence[Way],
        *,
        passed: Sequence[Attempt],
        lines: Lines,
        gates: Mapping[str, Gate],
        shared: SharedLimits,
        port: int,
        wait_s: float | None,
        headers: Mapping[str, str],
    ) -> None:
        """`ways` are at least one; `port` is leased for RTP.

        The first of them may be gone in `wait_s`; where that is None, its gate has not been
        entered yet. `passed` are those before them that could not be tried.
        """
        self.attempts = list(passed)
        self._ways = ways
        self._lines = lines
        self._gates = gates
        self._shared = shared
        self._port = port
        self._wait_s = wait_s
        self._headers = headers
        self._clock = asyncio.get_running_loop().time

    @property
    def longest_s(self) -> float:
        """How long it may take until somebody answers, seconds."""
        longest = (
            step.way.trying_timeout_s if step.others else step.way.ring_timeout_s
            for step in steps(self._ways, self._lines)
        )
        return (self._wait_s or 0.0) + sum(longest)

    async def reach(
        self, call: "Call", party: Party, creation: "asyncio.Future[Any] | None" = None
    ) -> None:
        """Dial a party of the call until it has answered, or was picked up elsewhere.

        What the `creation` of its agent raises meanwhile ends the ringing, and is raised. Raises
        Hangup where nobody answers.
        """
        party.attempts, party.dialling = self.attempts, True
        failed: Outcome | None = None
        through: Way | None = None
        for step in steps(self._ways, self._lines):
            if step.way is through:
                continue
            began = self._clock()
            attempt = _Attempt(call, party, step, lines=self._lines, creation=creation)
            outcome = await self._try(attempt, call, party)
            self._keep(call, party, step.way, outcome, self._clock() - began)
            if outcome is None or party.successor.done():
                return
            if failed is None or outcome.cause is not Cause.FULL:
                failed = outcome
            if attempt.invited:
                if step.server is not None and step.server_failed(outcome, rang=attempt.rang):
                    self._lines.user_agent.servers.failed(step.way.trunk, step.server)
                    if step.others:
                        continue
                self._rest(step.way, outcome, last=step.last)
            if not step.goes_on(outcome, rang=attempt.rang):
                break
            through = step.way
        assert failed is not None
        raise Hangup(failed)

    async def _try(self, attempt: "_Attempt", call: "Call", party: Party) -> Outcome | None:
        """Make one attempt; None when it was answered."""
        way = attempt.step.way
        try:
            await self._enter(call, party, way)
            media = await self._lines.towards(way.trunk, self._port)
            return await attempt.run(media, headers=self._headers)
        except (Full, NoPorts, OrderError, Unreachable) as error:
            return error.outcome
        except SipError as error:
            attempt.invited = False  # and that is no fault of the trunk
            return ending.unplaced(error)

    async def _enter(self, call: "Call", party: Party, way: Way) -> None:
        """Wait for the trunk's turn. Raises Full."""
        wait_s, self._wait_s = self._wait_s, None
        if wait_s is None:
            party.trunk = ""  # it holds no place there itself
            wait_s = self._gates[way.trunk].enter(self._clock())
        party.trunk = way.trunk
        if party is call.first:
            call.facts = replace(call.facts, trunk=way.trunk, caller=way.caller_id)
        try:
            await self._shared.enter_trunk(way.trunk, party)
        except Full:
            party.trunk = ""
            raise
        if wait_s > 0:
            call.note("waiting", trunk=way.trunk, wait_s=round(wait_s, 2), **_which(call, party))
            await asyncio.sleep(wait_s)

    def _keep(
        self, call: "Call", party: Party, way: Way, outcome: Outcome | None, seconds: float
    ) -> None:
        attempt = Attempt(trunk=way.trunk, to=way.to, outcome=outcome, seconds=seconds)
        self.attempts.append(attempt)
        if outcome is not None and outcome is not ending.PICKED_UP:
            call.note(
                "attempt-failed",
                trunk=way.trunk,
                sip_code=outcome.sip_code,
                cause=outcome.cause,
                detail=outcome.detail,
                **_which(call, party),
            )

    def _rest(self, way: Way, outcome: Outcome, *, last: bool) -> None:
        """Leave a trunk alone that asked for it, or that was dead while there are others."""
        if outcome.cause is Cause.FULL:
            return
        gate, now = self._gates[way.trunk], self._clock()
        if outcome.retry_after_s:
            gate.rest(outcome.retry_after_s, now)
        elif outcome.cause is Cause.UNREACHABLE and not last:
            gate.rest(DEAD_S, now)


class _Attempt:
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
        outcome = await self._answer(leg)
        self.rang = leg.rang
        if outcome is None:
            return None
        if self.step.goes_on(outcome, rang=self.rang):
            for task in party.work:
                task.cancel()
            party.work.clear()
            await party.hang_up()
        return outcome

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


def _which(call: "Call", party: Party) -> dict[str, str]:
    """The name of a party, where it is not the one that the call began with."""
    return {} if party is call.first else {"leg": party.name}


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
