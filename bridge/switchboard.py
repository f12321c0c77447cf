"""The calls that are alive, and those that were: begun, lived, ended, counted, written down."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Iterator, Sequence
from functools import partial
from typing import Any

from bridge.admission import Admission
from bridge.call import Call
from bridge.errors import Draining, Full, Overloaded, Refused
from bridge.facts import CallId, Direction, Facts
from bridge.outcome import Cause, Outcome, Result
from bridge.papers.papers import Papers
from bridge.shared.pool import Kind
from bridge.totals import Totals

__all__ = ["Switchboard"]

log = logging.getLogger("bridge.switchboard")

RECENT_CALLS = 100
"""Ended calls that the API can still show."""


class Switchboard:
    """Owns every call's task.

    `on_admission` is told the refusal in force, or None; each of `on_ended` of a call that is over
    and written down.
    """

    def __init__(
        self,
        *,
        max_calls: int,
        admission: Admission,
        on_admission: Callable[[Refused | None], None],
        papers: Papers,
        on_ended: Sequence[Callable[[Call], None]],
    ) -> None:
        self.max_calls = max_calls
        """Places for calls, and for their further legs."""
        self.totals = Totals()
        self.alive: dict[CallId, Call] = {}
        """The calls that are alive, by id, in the order in which they began."""
        self.draining = False
        self.on_change: Callable[[], None] = lambda: None
        """Told when calls or legs came or went."""
        self._admission = admission
        self._on_admission = on_admission
        self._papers = papers
        self._on_ended = on_ended
        self._refusing: Cause | None = None
        self._wider: dict[CallId, Call] = {}  # those alive that may take up more places than one
        self._recent: OrderedDict[CallId, Call] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def alive_on(self, trunk: str) -> int:
        """How many legs are alive on a trunk, in both directions."""
        return sum(call.parties.on_trunk(trunk) for call in self.alive.values())

    def alive_with(self, agent: str) -> int:
        """How many calls an agent has: those that began with it."""
        return sum(call.facts.agent == agent for call in self.alive.values())

    def holders(self, kind: Kind, name: str) -> set[Hashable]:
        """Who takes up places of a trunk, legs, or of an agent, calls."""
        calls = self.alive.values()
        if kind is Kind.AGENT:
            return {call.id for call in calls if call.facts.agent == name}
        return {
            party for call in calls for party in call.parties if party.alive and party.trunk == name
        }

    @property
    def places(self) -> int:
        """How many legs all calls take up: one each, and one for each further party."""
        further = sum(call.parties.places - 1 for call in self._wider.values())
        return len(self.alive) + further

    def check_room(self) -> None:
        """Raise Full where all places of sip.max_calls are taken; draining is no matter here."""
        if self.places >= self.max_calls:
            raise self._full()

    def _full(self) -> Full:
        return Full(f"all {self.max_calls} calls of sip.max_calls are alive")

    @property
    def refusal(self) -> Refused | None:
        """Why a new call is refused now; None while there is room."""
        if self.draining:
            return Draining()
        if self.places >= self.max_calls:
            return self._full()
        if self._admission.reason:
            return Overloaded(self._admission.reason)
        return None

    def find(self, call_id: CallId) -> Call | None:
        """The call of that id, alive or lately ended."""
        return self.alive.get(call_id) or self._recent.get(call_id)

    def lately(self) -> Iterator[Call]:
        """The calls that have ended, the last one first."""
        return reversed(self._recent.values())

    def begin(self, call: Call, life: Coroutine[Any, Any, Outcome]) -> None:
        """Let `call` live its `life` in a task of its own."""
        self.alive[call.id] = call
        call.legs_changed = partial(self._count_legs, call.id)
        call.neighbours = self.alive.values
        self._idle.clear()
        self._papers.begun(call)
        self._admission.begun()
        self._count_legs(call.id)
        task = asyncio.get_running_loop().create_task(self._live(call, life), name=call.id)
        self._tasks.add(task)
        task.add_done_callback(self._lived)

    def refused(self, facts: Facts, outcome: Outcome) -> None:
        """Write down a call that was refused before it had a life of its own."""
        log.info(
            "< call %s from %s to %s by %s refused: %s",
            facts.id,
            facts.caller or "-",
            facts.callee,
            facts.trunk,
            outcome,
        )
        self.totals.ended(facts.direction, facts.trunk, outcome)
        self._papers.refused(facts, outcome)

    def drain(self) -> None:
        """Refuse new calls from now on; those alive go on."""
        if not self.draining:
            self.draining = True
            log.info("= draining, %d calls alive", len(self.alive))
            self.review()

    def review(self) -> None:
        """Calls or legs came or went: tell whoever admits calls when that changes anything."""
        self.on_change()
        refusal = self.refusal
        refusing = None if refusal is None else refusal.cause
        if refusing is not self._refusing:
            self._refusing = refusing
            self._on_admission(refusal)

    def _count_legs(self, call_id: CallId) -> None:
        call = self.alive.get(call_id)
        if call is not None and call.parties.several:
            self._wider[call_id] = call
        self.review()

    async def wait_idle(self) -> None:
        """Wait until no call is alive."""
        await self._idle.wait()

    async def end_all(self) -> None:
        """End every call with a BYE."""
        for call in list(self.alive.values()):
            call.end(Outcome(result=Result.INDETERMINATE, cause=Cause.SHUTDOWN, sip_code=503))
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _live(self, call: Call, life: Coroutine[Any, Any, Outcome]) -> None:
        facts = call.facts
        log.info(
            "%s call %s from %s to %s by %s, agent %s",
            "<" if facts.direction is Direction.INBOUND else ">",
            facts.id,
            facts.caller or "-",
            facts.callee,
            facts.trunk,
            facts.agent,
        )
        try:
            outcome = await life
            log.info("= call %s ended after %.1f s: %s", facts.id, call.age, outcome)
        finally:
            self._end(call)

    def _end(self, call: Call) -> None:
        del self.alive[call.id]
        self._wider.pop(call.id, None)
        self._recent[call.id] = call
        if len(self._recent) > RECENT_CALLS:
            self._recent.popitem(last=False)
        self.totals.wire.add(call)
        for party in call.parties:
            self.totals.attempted(party.attempts)
        if call.outcome is not None:
            self.totals.ended(call.facts.direction, call.facts.trunk, call.outcome)
            self._papers.ended(call)
            for tell in self._on_ended:
                tell(call)
        if not self.alive:
            self._idle.set()
        self.review()

    def _lived(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("= call %s left on a fault of the bridge", task.get_name(), exc_info=fault)
