"""One call: a caller's leg, an agent's session, and their talk.

    INVITE ──> ring ──> create + join agent ──> answer ──> talk ──> drain ──> BYE     inbound
    order ───> dial + create agent ──> answered ──> join ──> talk ──> drain ──> BYE    outbound

A call is one coroutine. Whoever ends it raises `Hangup` or another `CallError` in one of its
tasks; the task group cancels the others, and the exits run in reverse.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from bridge import ending
from bridge.agent import Agent, Reservation
from bridge.errors import AgentLost, CallError, Cause, Hangup, NotNow, Outcome, Result
from bridge.events import Chronicle
from bridge.facts import Direction, Facts
from bridge.formats import format_of, keys_of
from bridge.keypad import DtmfWay
from bridge.talk import StreamOpener, Talk
from bridge.ultravox.messages import Urgency
from bridge.ultravox.session import Session
from sip import (
    Answered,
    Digit,
    Ended,
    Leg,
    LegEvent,
    LegState,
    Media,
    MediaNegotiated,
    Ringing,
    SipError,
)

__all__ = ["Call", "CallState", "Limits"]

log = logging.getLogger("bridge.call")

E = TypeVar("E", bound=BaseException)

LAST_WORDS_S = 5.0
"""How much of the queued speech is still played when the agent was lost."""
PHONE_BUFFER_S = 0.15
"""From the last packet to the BYE: what the phone's own jitter buffer still has to play."""
GUARD_INTERVAL_S = 1.0
"""How often a silent wire is looked for."""


class CallState(Enum):
    """Where a call is in its life."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The times that bound a call, in seconds."""

    rtp_timeout_s: float
    """Silence on the wire after which an answered call ends, unless held; 0 never."""
    ring_timeout_s: float
    """How long an outbound call may ring."""
    drain_s: float
    """The longest farewell still played after the agent's socket closed."""


class Call:
    """A telephone call bridged to an agent, from the INVITE to the outcome.

    `open_stream` makes the caller's media stream; who gave it opens and closes what it makes.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        agent: Agent,
        open_stream: StreamOpener,
        limits: Limits,
        dtmf_out: DtmfWay = "auto",
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.facts = facts
        self.agent = agent
        self.limits = limits
        self.chronicle = Chronicle()
        self.timings: dict[str, float] = {}
        """Seconds from the beginning to each step, by the step's name."""
        dtmf = agent.config.dtmf
        self.talk = Talk(open_stream, dtmf=dtmf, dtmf_out=dtmf_out, note=self.note)
        self.stream = self.talk.stream
        self.held = False
        """Whether nothing is said either way, because the other party or we hold the call."""
        self._parked = False
        self.media: Media | None = None
        self.session: Session | None = None
        self.leg: Leg | None = None
        self.sample_rate = 0
        """Hz of the agent's audio, both ways; the codec's own where that could be foreseen."""
        self.ultravox_call_id = ""
        self.outcome: Outcome | None = None
        self._state = CallState.RINGING
        self._answered = asyncio.Event()
        self._refusable = facts.direction is Direction.INBOUND
        """The other party waits for our answer, and a final status is how the call ends."""
        self._order: asyncio.Future[Outcome] = self._loop.create_future()

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

    def end(self, outcome: Outcome) -> None:
        """Ask the call to end; it does so in its own task, once."""
        if not self._order.done():
            self._order.set_result(outcome)

    def note(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call that `kind` happened now."""
        self.chronicle.add(kind, self.age, **fields)

    # A call's life, in the order in which it is lived.

    async def receive(self, leg: Leg, *, sample_rate: int) -> Outcome:
        """Live an inbound call: ring, answer, talk, end.

        `sample_rate` is the rate of the codec that the offer will be answered with, in Hz.
        """

        async def life(group: asyncio.TaskGroup, reservation: Reservation) -> None:
            self.leg = leg
            self._attend(leg, group)
            await leg.ring()
            self._reach("ringing")
            session = await self._join(reservation)
            self._refusable = False
            await leg.answer()
            await self._answered.wait()
            group.create_task(self._guard_media(), name=f"{self.id} guard")
            await self._converse(session)

        return await self._live(life, self._reserve(sample_rate))

    async def place(self, dial: Callable[[], Awaitable[Leg]], *, sample_rate: int) -> Outcome:
        """Live an outbound call that `dial` starts.

        The Ultravox call is created while the phone rings and joined at the answer, so the
        greeting is spoken to a person and an unanswered call costs nothing; the price is one
        WebSocket handshake between the answer and the greeting.
        """

        async def life(group: asyncio.TaskGroup, reservation: Reservation) -> None:
            leg = self.leg = await dial()
            self._attend(leg, group)
            await self._ring_out(leg, reservation)
            group.create_task(self._guard_media(), name=f"{self.id} guard")
            await self._converse(await self._join(reservation))

        return await self._live(life, self._reserve(sample_rate, self.limits.ring_timeout_s))

    def _reserve(self, codec_rate: int, ring_s: float = 0.0) -> Reservation:
        self.sample_rate = self.agent.config.sample_rate or codec_rate
        return self.agent.reserve(self.facts, sample_rate=self.sample_rate, ring_s=ring_s)

    async def _live(
        self,
        life: Callable[[asyncio.TaskGroup, Reservation], Awaitable[None]],
        reservation: Reservation,
    ) -> Outcome:
        outcome = Outcome(result=Result.INDETERMINATE, cause=Cause.SHUTDOWN)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._obey_order(), name=f"{self.id} order")
                await life(group, reservation)
        except* CallError as ends:
            outcome = next(_leaves(ends)).outcome
        except* SipError as breaks:
            outcome = self._broken(next(_leaves(breaks)))
        except* Exception as faults:
            log.exception("= call %s failed on a fault of the bridge", self.id)
            outcome = Outcome(
                result=Result.SERVER_ERROR,
                cause=Cause.INTERNAL_ERROR,
                sip_code=500,
                detail=type(next(_leaves(faults))).__name__,
            )
        finally:
            await self._leave(outcome, reservation)
        return outcome

    async def _ring_out(self, leg: Leg, reservation: Reservation) -> None:
        """Wait for the callee; the agent is made meanwhile, and its failure stops the ringing."""
        try:
            async with asyncio.timeout(self.limits.ring_timeout_s):
                await reservation.created()
                self._reach("agent-created")
                await self._answered.wait()
        except TimeoutError:
            raise Hangup(self._unanswered(leg)) from None

    def _unanswered(self, leg: Leg) -> Outcome:
        """A phone that rang was not answered; one that never rang was not reached."""
        within = f"within {self.limits.ring_timeout_s:g} s"
        if leg.state is LegState.CALLING:
            detail, result, cause = "did not ring", Result.UPSTREAM_ERROR, Cause.UNREACHABLE
        else:
            detail, result, cause = "not answered", Result.CLIENT_ERROR, Cause.NO_ANSWER
        return Outcome(result=result, cause=cause, detail=f"{detail} {within}")

    async def _join(self, reservation: Reservation) -> Session:
        self.ultravox_call_id = (await reservation.created()).call_id
        self._reach("agent-created")
        session = await reservation.join(on_audio=self.talk.speak, on_message=self.talk.obey)
        self.session = session
        self.talk.join(session)
        self._reach("agent-joined")
        return session

    async def _converse(self, session: Session) -> None:
        """Let them talk until the agent's side closes; what it said before is heard first."""
        self.talk.begin()
        # Shielded: whoever waits for the end may be cancelled, the end itself may not.
        close = await asyncio.shield(session.closed)
        if not close.clean:
            await self.stream.drain(min(LAST_WORDS_S, self.limits.drain_s))
            raise AgentLost(f"close code {close.code} {close.reason}".strip())
        await self.stream.drain(self.limits.drain_s)
        await asyncio.sleep(PHONE_BUFFER_S)
        raise Hangup(Outcome(result=Result.SUCCESS, cause=Cause.AGENT_HUNG_UP))

    async def _leave(self, outcome: Outcome, reservation: Reservation) -> None:
        leg = self.leg if self.leg is not None and self.leg.ended is None else None
        if leg is not None and not self._refusable:
            outcome = ending.with_q850(outcome)
        self.outcome = outcome
        self._become(CallState.ENDING)
        self.talk.digits.close()
        if leg is not None:
            await self._release(leg, outcome)
        await reservation.release()
        self.timings["ended"] = self.age
        self._become(CallState.ENDED)
        self.note("ended", result=outcome.result, cause=outcome.cause, detail=outcome.detail)
        self.chronicle.close()

    async def _release(self, leg: Leg, outcome: Outcome) -> None:
        """Say goodbye to the other party: a BYE, a CANCEL or the refusal's status."""
        headers = dict(ending.reason_headers(outcome))
        if outcome.retry_after_s is not None:
            headers["Retry-After"] = str(outcome.retry_after_s)
        try:
            await leg.hang_up(outcome.sip_code, headers=headers)
        except SipError as error:
            log.warning("= call %s leg did not take its end: %s", self.id, error)

    # What changes it from outside.

    def _attend(self, leg: Leg, group: asyncio.TaskGroup) -> None:
        group.create_task(self._follow(leg), name=f"{self.id} leg")
        group.create_task(self.talk.keypad.serve(leg), name=f"{self.id} keypad")

    def press(self, digits: str) -> None:
        """Press digits for the other party.

        Raises ValueError when they are none or too many, NotNow where the call cannot.
        """
        self._talking()
        self.talk.send_digits(digits)

    def tell_agent(self, text: str, urgency: Urgency | None) -> None:
        """Tell the agent something as if the caller had. Raises NotNow where none has joined."""
        self.talk.tell(text, urgency)

    async def park(self) -> None:
        """Hold the other party: nothing is said either way from now on.

        Raises NotNow before the answer, SipError where the re-INVITE cannot be sent.
        """
        leg, media = self._talking()
        if self._parked:
            return
        self._parked = True
        self._connect(media)
        try:
            await leg.hold()
        except SipError:
            self._parked = False
            self._connect(self.media or media)
            raise

    async def unpark(self) -> None:
        """Take the other party back; they talk again when it has agreed. Raises as `park`."""
        leg, _ = self._talking()
        if not self._parked:
            return
        self._parked = False
        try:
            await leg.resume()
        except SipError:
            self._parked = True
            raise

    def _talking(self) -> tuple[Leg, Media]:
        """The leg and its media. Raises NotNow where the call has not been answered."""
        if self.leg is None or self.media is None or self._state is not CallState.ANSWERED:
            raise NotNow(f"the call is {self._state.value}")
        return self.leg, self.media

    async def _obey_order(self) -> None:
        raise Hangup(await self._order)

    async def _follow(self, leg: Leg) -> None:
        async for event in leg.events:
            self._notice(event)

    def _notice(self, event: LegEvent) -> None:
        match event:
            case Ringing():
                self._reach("ringing")
            case MediaNegotiated(media=media):
                self._connect(media)
            case Answered():
                self._reach("answered")
                self._become(CallState.ANSWERED)
                self._answered.set()
            case Digit(digit=digit):
                self.talk.press(digit)
            case Ended():
                raise Hangup(self._ended(event))
            case _:
                pass

    def _connect(self, media: Media) -> None:
        """Point the stream at what the last offer and answer agreed on."""
        self.media = media
        assert self.leg is not None
        self.talk.keypad.connect(self.leg, media)
        held = media.held or self._parked
        self.stream.configure(
            format_of(media, sample_rate=self.sample_rate),
            media.remote,
            send=not held,
            receive=not held,
            remote_rtcp=media.remote_rtcp,
            keys=keys_of(media),
        )
        if held is not self.held:
            self.held = held
            self.note("held" if held else "resumed")

    def _ended(self, ended: Ended) -> Outcome:
        inbound = self.facts.direction is Direction.INBOUND
        if self._answered.is_set():
            return ending.of_answered(ended, inbound=inbound)
        return ending.of_inbound(ended) if inbound else ending.of_outbound(ended)

    def _broken(self, error: BaseException) -> Outcome:
        """The outcome of a SIP command that failed: the leg's own last word where it has one."""
        if self.leg is not None and self.leg.ended is not None:
            return self._ended(self.leg.ended)
        return Outcome(
            result=Result.UPSTREAM_ERROR, cause=Cause.UNREACHABLE, sip_code=500, detail=str(error)
        )

    async def _guard_media(self) -> None:
        """End the call when its wire has been silent for too long."""
        timeout, since = self.limits.rtp_timeout_s, self._loop.time()
        while timeout:
            await asyncio.sleep(GUARD_INTERVAL_S)
            now = self._loop.time()
            if self.held:
                since = now
            if now - max(since, self.stream.last_received or 0.0) > timeout:
                silent = f"no RTP for {timeout:g} s"
                lost = Outcome(result=Result.INDETERMINATE, cause=Cause.MEDIA_LOST, detail=silent)
                raise Hangup(lost)

    # Bookkeeping.

    def _become(self, state: CallState) -> None:
        if state is not self._state:
            self._state = state
            log.debug("= call %s is %s", self.id, state.value)

    def _reach(self, step: str) -> None:
        """Note when `step` was first reached."""
        if step not in self.timings:
            self.timings[step] = self.age
            self.note(step)


def _leaves(group: BaseExceptionGroup[E]) -> Iterator[E]:
    """The exceptions of a group, however deep, in order."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
