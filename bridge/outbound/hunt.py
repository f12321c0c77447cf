"""Bringing a call through: one way after another, until somebody answers or no way is left."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge import ending
from bridge.errors import Full, Hangup, NoPorts, OrderError, Unreachable
from bridge.lines.lines import Lines
from bridge.outbound.dialling import Dialling
from bridge.outbound.failover import Attempt
from bridge.outbound.gate import Gate
from bridge.outbound.step import steps
from bridge.outbound.ways import Way
from bridge.outcome import Cause, Outcome
from bridge.parties.party import Party
from bridge.shared.limits import SharedLimits
from sip import SipError

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["Hunt"]

DEAD_S = 30
"""For so long a trunk that said nothing is passed over: its INVITE lives on as long (timer B)."""


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
            attempt = Dialling(call, party, step, lines=self._lines, creation=creation)
            outcome = await self._try(attempt, call, party)
            self._keep(call, party, attempt, outcome, self._clock() - began)
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

    async def _try(self, attempt: Dialling, call: "Call", party: Party) -> Outcome | None:
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
        self,
        call: "Call",
        party: Party,
        attempt: Dialling,
        outcome: Outcome | None,
        seconds: float,
    ) -> None:
        way = attempt.step.way
        self.attempts.append(attempt.kept(outcome, seconds))
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


def _which(call: "Call", party: Party) -> dict[str, str]:
    """The name of a party, where it is not the one that the call began with."""
    return {} if party is call.first else {"leg": party.name}
