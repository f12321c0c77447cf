"""One call: its parties, its agents, who hears whom, and how it ends.

    INVITE ──> ring ──> create + join agent ──> answer ──> talk ──> drain ──> BYE     inbound
    order ───> dial + create agent ──> answered ──> join ──> talk ──> drain ──> BYE    outbound

A call is one coroutine, its scenario (`bridge.scenario`). Whoever ends it raises `Hangup` or
another `CallError` in one of its tasks; the task group cancels the others, and the exits run in
reverse.
"""

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from bridge import ending, transfer
from bridge.agents.agent import Agent
from bridge.agents.talk import Talk
from bridge.agents.talks import Talks
from bridge.call_controls import CallControls
from bridge.causes import cause_of
from bridge.chronicle import Chronicle
from bridge.configuration.failures import FailureStep
from bridge.configuration.recordings import RecordingConfig
from bridge.errors import CallError, Hangup, NotNow
from bridge.facts import Direction, Facts
from bridge.happenings import Event
from bridge.limits import CallState, Limits
from bridge.media.patchbay import Patchbay
from bridge.outbound.desk import Desk
from bridge.outbound.hunt import Hunt
from bridge.outcome import Cause, Outcome, Result
from bridge.parties.attendance import Attendance
from bridge.parties.parties import Parties
from bridge.parties.party import Party
from bridge.recording.recorder import Recorder
from bridge.recording.recordings import Recordings
from rtp import Stream
from sip import Answered, Leg, LegEvent, Media, MediaAddress, ReferRequested, Ringing, SipError

__all__ = ["Call", "CallState", "Limits"]

log = logging.getLogger("bridge.call")


class Call:
    """A telephone call bridged to agents, from the INVITE to the outcome.

    `media` is leased for the first leg; `agent` is the one of `agents` whom the route or the order
    named; `rate` (Hz) is that of all its audio.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        agent: Agent,
        agents: Mapping[str, Agent],
        desk: Desk,
        media: MediaAddress,
        rate: int,
        limits: Limits,
        recordings: Recordings,
        recording: RecordingConfig,
        leg: Leg | None = None,
        hunt: Hunt | None = None,
        failure_steps: Sequence[FailureStep] = (),
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.facts = facts
        self.limits = limits
        self.hunt = hunt
        """How the first party is reached, where we call."""
        self.rate = rate
        self.failure_steps = failure_steps
        """What is tried where an agent cannot be had or is lost."""
        self.chronicle = Chronicle()
        self.timings: dict[str, float] = {}
        """Seconds from the beginning to each step, by the step's name."""
        self.patchbay = Patchbay()
        self.legs_changed: Callable[[], None] = lambda: None
        """Told when the call takes up more places, or fewer."""
        self.neighbours: Callable[[], Iterable[Call]] = lambda: ()
        """The calls that are alive, this one too."""
        # Its parts do not hold the call, so that one that is over goes at once. Left to the garbage
        # collector, a hundred of them stop all audio for tens of milliseconds.
        weak: Call = weakref.proxy(self)
        self.controls = CallControls(weak)
        self.talks = Talks(weak, agent, agents)
        self.attendance = Attendance(weak)
        self.parties = Parties(weak, desk, media=media, leg=leg)
        self.current = self.parties.first
        """Who is in its place now, where the other side transferred it."""
        self.recorder = Recorder(
            weak, recordings=recordings, plan=recording, mute=agent.config.dtmf.hide
        )
        self.messages: list[dict[str, str]] = []
        """What was left for those who could not come to the telephone."""
        self.listeners: list[Callable[[Event], None]] = []
        self.outcome: Outcome | None = None
        self._state = CallState.RINGING
        self.refusable = facts.direction is Direction.INBOUND
        """The other party waits for our answer, and a final status is how the call ends."""
        self.transferring = False
        self.transfer_settled = asyncio.Event()
        self.transfers: list[dict[str, object]] = []
        """What came of each transfer, for the journal."""
        self.last_word: Outcome | None = None
        """How the call ends that is just being refused, or transferred, when its leg is over."""
        self._order: asyncio.Future[Outcome] = self._loop.create_future()
        self._group: asyncio.TaskGroup

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
        return self._loop.time() - self._began

    @property
    def talk(self) -> Talk:
        """The agent's side: the latest, where there were several."""
        return self.talks.latest

    @property
    def first(self) -> Party:
        """The party that the call began with."""
        return self.parties.first

    @property
    def stream(self) -> Stream:
        """The first party's audio."""
        return self.first.stream

    @property
    def media(self) -> Media | None:
        """What was agreed on with the first party."""
        return self.first.media

    @property
    def held(self) -> bool:
        """Whether the first party is held, or who took its place."""
        return self.current.held

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

    def end(self, outcome: Outcome) -> None:
        """Ask the call to end; it does so in its own task, once."""
        if not self._order.done():
            self._order.set_result(outcome)

    def fail(self, error: CallError | SipError) -> None:
        """Ask the call to end with an error."""
        self.end(error.outcome if isinstance(error, CallError) else ending.unplaced(error))

    def note(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call that `kind` happened now."""
        self.chronicle.add(kind, self.age, **fields)

    def pass_on(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call just now."""
        self.chronicle.pass_on(kind, self.age, **fields)

    def announce(self, event: Event) -> None:
        """Tell the scenario what happened."""
        for listener in tuple(self.listeners):
            listener(event)

    def reach(self, step: str) -> None:
        """Note when `step` was first reached."""
        if step not in self.timings:
            self.timings[step] = self.age
            self.note(step)

    # A call's life, in the order in which it is lived.

    async def open(self) -> None:
        """Open the first party's stream; `close` is due in any case."""
        await self.first.stream.open()

    async def close(self) -> None:
        """Give back all that the call has leased."""
        self.patchbay.close()
        await self.parties.close()

    async def live(self, scenario: Callable[[], Awaitable[None]]) -> Outcome:
        """Live by `scenario`, to the end."""
        outcome = Outcome(result=Result.INDETERMINATE, cause=Cause.SHUTDOWN)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self.spawn(self._obey_order(), name="order")
                if self.first.leg is not None:
                    self.attendance.attend(self.first)
                await scenario()
                raise Hangup(Outcome(result=Result.SUCCESS, cause=Cause.SCENARIO_ENDED))
        except* CallError as ends:
            outcome = cause_of(ends).outcome
        except* SipError as breaks:
            outcome = self._broken(cause_of(breaks))
        except* Exception as faults:
            log.exception("= call %s failed on a fault of the bridge", self.id)
            outcome = Outcome(
                result=Result.SERVER_ERROR,
                cause=Cause.INTERNAL_ERROR,
                sip_code=500,
                detail=type(cause_of(faults)).__name__,
            )
        finally:
            await self._leave(outcome)
        return outcome

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run `work` as long as the call lives; what it raises ends the call.

        Raises NotNow where the call is ending.
        """
        try:
            return self._group.create_task(work, name=f"{self.id} {name}")
        except RuntimeError:
            work.close()
            raise NotNow("the call is ending") from None

    def inbound_leg(self) -> Leg:
        """The caller's leg. Raises NotNow where we called, or have answered already."""
        if self.first.leg is None or not self.refusable:
            raise NotNow("only a call that came in and has not been answered can be answered")
        return self.first.leg

    async def _leave(self, outcome: Outcome) -> None:
        leg = self.current.leg
        if leg is not None and leg.ended is None and not self.refusable:
            outcome = ending.with_q850(outcome)
        self.outcome = outcome
        self._become(CallState.ENDING)
        for party in self.parties:
            party.digits.close()
        headers = ending.headers_of(outcome)
        for party in self.parties:
            await party.hang_up(outcome.sip_code, headers)
        await self.talks.release()
        await self.recorder.finish()
        self.timings["ended"] = self.age
        self._become(CallState.ENDED)
        self.note("ended", result=outcome.result, cause=outcome.cause, detail=outcome.detail)
        self.chronicle.close()

    async def _obey_order(self) -> None:
        raise Hangup(await self._order)

    def transfer_asked(self, party: Party, request: ReferRequested) -> None:
        """A party asks us to transfer it, and may."""
        self.spawn(transfer.follow(self, party, request), name=f"{party.name} transfer")

    def first_did(self, event: LegEvent) -> None:
        """Follow the first party's leg."""
        match event:
            case Ringing():
                self.reach("ringing")
            case Answered():
                self.first_answered()
            case _:
                pass

    def first_answered(self) -> None:
        """The first party is on the telephone."""
        self._become(CallState.ANSWERED)
        self.reach("answered")

    def _broken(self, error: BaseException) -> Outcome:
        """The outcome of a SIP command that failed: the leg's own last word where it has one."""
        return self.attendance.outcome_of(self.first) or ending.unplaced(error)

    def _become(self, state: CallState) -> None:
        if state is not self._state:
            self._state = state
            log.debug("= call %s is %s", self.id, state.value)
