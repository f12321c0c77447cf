"""One call: its parties, its agents, who hears whom, and how it ends.

    INVITE ──> ring ──> create + join agent ──> answer ──> talk ──> drain ──> BYE     inbound
    order ───> dial + create agent ──> answered ──> join ──> talk ──> drain ──> BYE    outbound

A call is one coroutine, its scenario (`bridge.scenario`). Whoever ends it raises `Hangup` or
another `CallError` in one of its tasks, and what is raised first decides; the task group cancels
the others.
"""

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from bridge import ending, transfer
from bridge.agents.talk import Talk
from bridge.agents.talks import Talks
from bridge.call_controls import CallControls
from bridge.causes import causes_of
from bridge.chronicle import Chronicle
from bridge.errors import CallError, Hangup, NotNow
from bridge.facts import Direction, Facts
from bridge.happenings import Event
from bridge.media.patchbay import Patchbay
from bridge.outbound.desk import Desk
from bridge.outbound.hunt import Hunt
from bridge.outcome import Cause, Outcome, Result
from bridge.parties.attendance import Attendance
from bridge.parties.parties import Parties
from bridge.parties.party import Party
from bridge.plan import Plan
from bridge.recording.recorder import Recorder
from bridge.recording.recordings import Recordings
from bridge.state import CallState
from bridge.transfer.transfers import Transfers
from sip import Leg, MediaAddress, ReferRequested, SipError

__all__ = ["Call", "CallState"]

log = logging.getLogger("bridge.call")


class Call:
    """A telephone call bridged to agents, from the INVITE to the outcome.

    `media` is leased for the first leg; where we call there is no `leg` yet, but a `hunt` for it.
    """

    def __init__(
        self,
        facts: Facts,
        plan: Plan,
        *,
        desk: Desk,
        recordings: Recordings,
        media: MediaAddress,
        leg: Leg | None = None,
        hunt: Hunt | None = None,
    ) -> None:
        self.facts, self.plan, self.hunt = facts, plan, hunt
        self.rate = plan.rate
        self.chronicle = Chronicle()
        self.patchbay = Patchbay()
        self.transfers = Transfers()
        self.legs_changed: Callable[[], None] = lambda: None
        """Told when the call takes up more places, or fewer."""
        self.neighbours: Callable[[], Iterable[Call]] = lambda: ()
        """The calls that are alive, this one too."""
        # Its parts do not hold the call, so that one that is over goes at once. Left to the garbage
        # collector, a hundred of them stop all audio for tens of milliseconds.
        weak: Call = weakref.proxy(self)
        self.controls = CallControls(weak)
        self.talks = Talks(weak)
        self.attendance = Attendance(weak)
        self.parties = Parties(weak, desk, media=media, leg=leg)
        self.current = self.parties.first
        """Who is in the first party's place now: itself, until the other side transfers it."""
        self.recorder = Recorder(
            weak, recordings=recordings, plan=plan.recording, mute=plan.agent.config.dtmf.hide
        )
        self.listeners: list[Callable[[Event], None]] = []
        self._state = CallState.RINGING
        self.refusable = facts.direction is Direction.INBOUND
        """The other party waits for our answer, and a final status is how the call ends."""
        self.last_word: Outcome | None = None
        """How the call ends that is just being refused, or transferred, when its leg is over."""
        self.outcome: Outcome | None = None
        self._end: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._group = asyncio.TaskGroup()

    # Its life, in the order in which it is lived.

    async def live(self, scenario: Callable[[], Awaitable[None]]) -> Outcome:
        """Live by `scenario`, to the end; all that the call has leased is given back then."""
        outcome = Outcome(result=Result.INDETERMINATE, cause=Cause.SHUTDOWN)
        try:
            async with self._group:
                self.spawn(self._asked_to_end(), name="end")
                self.spawn(self._live_by(scenario), name="life")
        except* Exception as ends:
            outcome, *_ = [self._ended_by(error) for error in causes_of(ends)]
        finally:
            await self._leave(outcome)
        return outcome

    async def _asked_to_end(self) -> None:
        raise Hangup(await self._end)

    async def _live_by(self, scenario: Callable[[], Awaitable[None]]) -> None:
        await self.first.stream.open()
        if self.first.leg is not None:
            self.attendance.attend(self.first)
        await scenario()
        raise Hangup(Outcome(result=Result.SUCCESS, cause=Cause.SCENARIO_ENDED))

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run `work` as long as the call lives; what it raises ends the call.

        Raises NotNow before it lives, and once it is ending.
        """
        try:
            return self._group.create_task(work, name=f"{self.id} {name}")
        except RuntimeError:
            work.close()
            raise NotNow("the call is not up") from None

    def inbound_leg(self) -> Leg:
        """The caller's leg. Raises NotNow where we called, or have answered already."""
        if self.first.leg is None or not self.refusable:
            raise NotNow("only a call that came in and has not been answered can be answered")
        return self.first.leg

    def answered(self) -> None:
        """The first party is on the telephone."""
        self._become(CallState.ANSWERED)
        self.chronicle.reach("answered")

    def transfer_asked(self, party: Party, request: ReferRequested) -> None:
        """A party asks us to transfer it, and may."""
        self.spawn(transfer.follow(self, party, request), name=f"{party.name} transfer")

    def end(self, outcome: Outcome) -> None:
        """Ask the call to end; it does so in its own task, once."""
        if not self._end.done():
            self._end.set_result(outcome)

    def fail(self, error: CallError | SipError) -> None:
        """Ask the call to end with an error."""
        self.end(self._ended_by(error))

    def _ended_by(self, error: BaseException) -> Outcome:
        """The outcome of what was raised; of SIP that failed, the leg's own last word."""
        match error:
            case CallError():
                return error.outcome
            case SipError():
                return self.attendance.outcome_of(self.first) or ending.unplaced(error)
        log.error("= call %s failed on a fault of the bridge", self.id, exc_info=error)
        return ending.broken(error)

    async def _leave(self, outcome: Outcome) -> None:
        leg = self.current.leg
        if leg is not None and leg.ended is None and not self.refusable:
            outcome = ending.with_q850(outcome)
        self.outcome = outcome
        self._become(CallState.ENDING)
        self.attendance.all_over(outcome)
        for farewell in (
            partial(self.parties.hang_up, outcome),
            self.talks.release,
            self.recorder.finish,
            self._close,
        ):
            try:
                await farewell()
            except Exception:
                log.exception("= call %s leaves something behind: a fault of the bridge", self.id)
        self.chronicle.timings["ended"] = self.age
        self._become(CallState.ENDED)
        self.note("ended", result=outcome.result, cause=outcome.cause, detail=outcome.detail)
        self.chronicle.close()

    async def _close(self) -> None:
        self.patchbay.close()
        await self.parties.close()

    def _become(self, state: CallState) -> None:
        if state is not self._state:
            self._state = state
            log.debug("= call %s is %s", self.id, state.value)

    # What others ask of it, and tell it.

    @property
    def id(self) -> str:
        """The call's name in the log, the API and the journal."""
        return self.facts.id

    @property
    def state(self) -> CallState:
        """Where the call is in its life."""
        return self._state

    @property
    def age(self) -> float:
        """Seconds since the call began."""
        return self.chronicle.age

    @property
    def talk(self) -> Talk:
        """The agent's side: the latest, where there were several."""
        return self.talks.latest

    @property
    def first(self) -> Party:
        """The party that the call began with."""
        return self.parties.first

    def talking(self) -> Party:
        """The first party, or who took its place. Raises NotNow before the answer, and after."""
        if self.current.media is None or self.state is not CallState.ANSWERED:
            raise NotNow(f"the call is {self.state.value}")
        return self.current

    def playing(self) -> tuple[float, float]:
        """Seconds of speech that the first party was sent, and seconds that wait to be."""
        return self.current.spoken()

    def clear(self, talk: Talk) -> float:
        """Drop what an agent said and nobody heard; returns how many milliseconds."""
        for party in self.parties:
            if self.patchbay.hears(party, talk):
                party.withheld = b""
        return self.patchbay.clear(talk)

    def note(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call that `kind` happened now."""
        self.chronicle.note(kind, **fields)

    def pass_on(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call just now."""
        self.chronicle.pass_on(kind, **fields)

    def announce(self, event: Event) -> None:
        """Tell the scenario what happened."""
        for listener in tuple(self.listeners):
            listener(event)
