"""One call: its parties, its agents, who hears whom, and how it ends.

    INVITE ──> ring ──> create + join agent ──> answer ──> talk ──> drain ──> BYE     inbound
    order ───> dial + create agent ──> answered ──> join ──> talk ──> drain ──> BYE    outbound

A call is one coroutine, its scenario (`bridge.scenario`). Whoever ends it raises `Hangup` or
another `CallError` in one of its tasks; the task group cancels the others, and the exits run in
reverse.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar

from bridge import ending, guard
from bridge.agent import Agent
from bridge.dial_policy import Destination
from bridge.errors import AgentLost, CallError, Cause, Hangup, NotNow, Outcome, Result
from bridge.events import Chronicle
from bridge.facts import Direction, Facts
from bridge.happenings import Digits, Event, HangUp, Hold
from bridge.limits import CallState, Limits
from bridge.lines import Lines
from bridge.party import Party
from bridge.patchbay import Patchbay
from bridge.recording.recorder import RecordAction, Recorder
from bridge.recording.recordings import Recordings
from bridge.recording_sections import RecordingConfig
from bridge.talk import Talk
from bridge.ultravox.messages import Urgency
from bridge.ultravox.session import Session
from rtp import Stream
from sip import Answered, Ended, Leg, LegEvent, Media, MediaAddress, Ringing, SipError

__all__ = ["Call", "CallState", "Limits"]

log = logging.getLogger("bridge.call")

E = TypeVar("E", bound=BaseException)

LAST_WORDS_S = 5.0
"""How much of the queued speech is still played when the agent was lost."""
PHONE_BUFFER_S = 0.15
"""From the last packet to the BYE: what the phone's own jitter buffer still has to play."""


class Call:
    """A telephone call bridged to agents, from the INVITE to the outcome.

    `media` is leased for the first leg; `agent` is whom the route or the order named; `rate` (Hz)
    is that of all its audio.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        agent: Agent,
        lines: Lines,
        media: MediaAddress,
        rate: int,
        limits: Limits,
        recordings: Recordings,
        recording: RecordingConfig,
        leg: Leg | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.facts = facts
        self.lines = lines
        self.limits = limits
        self.rate = rate
        self.chronicle = Chronicle()
        self.timings: dict[str, float] = {}
        """Seconds from the beginning to each step, by the step's name."""
        self.patchbay = Patchbay()
        self._digit_pause_s = agent.config.dtmf.pause_ms / 1000
        inbound = facts.direction is Direction.INBOUND
        self.first = self.make_party("caller" if inbound else "callee", media, trunk=facts.trunk)
        """The party that the call began with."""
        self.first.leg, self.first.essential = leg, True
        self.first_media = media
        self.parties = [self.first]
        self.talks = [Talk(agent, self, facts=facts, rate=rate)]
        self.recorder = Recorder(
            self, recordings=recordings, plan=recording, mute=agent.config.dtmf.hide
        )
        self.messages: list[dict[str, str]] = []
        """What was left for those who could not come to the telephone."""
        self.listeners: list[Callable[[Event], None]] = []
        self.outcome: Outcome | None = None
        self._state = CallState.RINGING
        self.refusable = inbound
        """The other party waits for our answer, and a final status is how the call ends."""
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
        return self.talks[-1]

    @property
    def session(self) -> Session | None:
        """The latest agent's session."""
        return self.talk.session

    @property
    def leg(self) -> Leg | None:
        """The first party's leg."""
        return self.first.leg

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
        """Whether the first party is held."""
        return self.first.held

    def end(self, outcome: Outcome) -> None:
        """Ask the call to end; it does so in its own task, once."""
        if not self._order.done():
            self._order.set_result(outcome)

    def note(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call that `kind` happened now."""
        self.chronicle.add(kind, self.age, **fields)

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
        for party in self.parties:
            await party.stream.close(self.lines.ports)

    async def live(self, scenario: Callable[[], Awaitable[None]]) -> Outcome:
        """Live by `scenario`, to the end."""
        outcome = Outcome(result=Result.INDETERMINATE, cause=Cause.SHUTDOWN)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self.spawn(self._obey_order(), name="order")
                if self.first.leg is not None:
                    self.attend(self.first)
                await scenario()
                raise Hangup(Outcome(result=Result.SUCCESS, cause=Cause.SCENARIO_ENDED))
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
            await self._leave(outcome)
        return outcome

    @property
    def ring_s(self) -> float:
        """How long a phone may ring before an agent is joined, seconds."""
        outbound = self.facts.direction is Direction.OUTBOUND
        return self.limits.ring_timeout_s if outbound else 0.0

    async def place(self, meanwhile: Talk | None) -> None:
        """Dial the first party and wait for its answer.

        The agent `meanwhile` is made while it rings, and its failure stops the ringing. Raises
        Hangup where the call is not answered, AgentError, SipError.
        """
        facts, party = self.facts, self.first
        party.leg = await self.lines.dial(
            facts.trunk, facts.callee, media=self.first_media, caller_id=facts.caller
        )
        self.attend(party)
        try:
            async with asyncio.timeout(self.limits.ring_timeout_s):
                if meanwhile is not None:
                    await meanwhile.created()
                    self.reach("agent-created")
                await party.answered.wait()
        except TimeoutError:
            raise Hangup(ending.unanswered(party.leg, self.limits.ring_timeout_s)) from None
        self.guard(party)
        await self.recorder.start_as_planned()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run `work` as long as the call lives; what it raises ends the call."""
        return self._group.create_task(work, name=f"{self.id} {name}")

    def attend(self, party: Party) -> None:
        """Follow a party's leg from now on."""
        assert party.leg is not None
        self.spawn(self._follow(party), name=f"{party.name} leg")
        self.spawn(party.keypad.serve(party.leg), name=f"{party.name} keypad")

    def make_party(self, name: str, media: MediaAddress, *, trunk: str) -> Party:
        """A party on a leased media address, who has neither leg nor open stream yet."""
        config = self.lines.trunks[trunk]
        return Party(
            partial(self.lines.stream, media),
            name=name,
            rate=self.rate,
            digit_pause_s=self._digit_pause_s,
            dtmf_out=config.dtmf_out,
            gain_in_db=config.gain_in_db,
            gain_out_db=config.gain_out_db,
            opus=self.lines.opus,
            on_talkspurt=self._spoken_to,
            on_digits=self._pressed,
            on_held=self._held,
        )

    def guard(self, party: Party) -> None:
        """End the call, or the leg that it could do without, when its wire falls silent."""
        if self.limits.rtp_timeout_s:
            self.spawn(self._watch(party), name=f"{party.name} guard")

    async def converse(self, talk: Talk) -> None:
        """Let them talk until the agent's side closes; what it said before is heard first.

        Raises Hangup, or AgentLost.
        """
        close = await talk.ended()
        listeners = [party for party in self.parties if self.patchbay.hears(party, talk)]
        drain_s = self.limits.drain_s if close.clean else min(LAST_WORDS_S, self.limits.drain_s)
        await asyncio.gather(*(party.stream.drain(drain_s) for party in listeners))
        if not close.clean:
            raise AgentLost(f"close code {close.code} {close.reason}".strip())
        await asyncio.sleep(PHONE_BUFFER_S)
        raise Hangup(Outcome(result=Result.SUCCESS, cause=Cause.AGENT_HUNG_UP))

    async def _leave(self, outcome: Outcome) -> None:
        leg = self.leg if self.leg is not None and self.leg.ended is None else None
        if leg is not None and not self.refusable:
            outcome = ending.with_q850(outcome)
        self.outcome = outcome
        self._become(CallState.ENDING)
        for party in self.parties:
            party.digits.close()
        headers = dict(ending.reason_headers(outcome))
        if outcome.retry_after_s is not None:
            headers["Retry-After"] = str(outcome.retry_after_s)
        for party in self.parties:
            await party.hang_up(outcome.sip_code, headers)
        for talk in self.talks:
            await talk.release()
        await self.recorder.finish()
        self.timings["ended"] = self.age
        self._become(CallState.ENDED)
        self.note("ended", result=outcome.result, cause=outcome.cause, detail=outcome.detail)
        self.chronicle.close()

    # What changes it from outside.

    def press(self, digits: str) -> None:
        """Press digits for the first party.

        Raises ValueError when they are none or too many, NotNow where the call cannot.
        """
        self.talking().keypad.press(digits)
        self._note_digits("digits-sent", digits)

    def tell_agent(self, text: str, urgency: Urgency | None) -> None:
        """Tell the agent something as if the caller had. Raises NotNow where none has joined."""
        self.talk.tell(text, urgency)

    async def record(self, action: RecordAction) -> None:
        """Start, stop, pause or resume the recording. Raises NotNow where that cannot be."""
        self.talking()
        await self.recorder.obey(action)

    def take_message(self, text: str, caller: str) -> None:
        """Keep a message that somebody leaves: for the journal, and for those who follow."""
        self.messages.append({"text": text, "caller": caller})
        self.note("message", text=text, caller=caller)

    def transcript(self) -> list[dict[str, Any]]:
        """What was said so far, as the journal keeps it."""
        return [each for talk in self.talks for each in talk.transcript()]

    async def collect(self, count: int, *, end: str = "", timeout_s: float) -> str:
        """The first party's next digits, which no agent is told of.

        Up to `count`, the key `end` or `timeout_s`. Raises NotNow.
        """
        digits = await self.talking().digits.collect(count, end=end, timeout_s=timeout_s)
        if digits:
            self._note_digits("digits", digits)
        return digits

    async def transfer(self, destination: Destination) -> str:
        """Transfer the first party to somebody else."""
        raise NotImplementedError

    async def park(self) -> None:
        """Hold the other party: nothing is said either way from now on.

        Raises NotNow before the answer, SipError where the re-INVITE cannot be sent.
        """
        await self.talking().hold()

    async def unpark(self) -> None:
        """Take the other party back; they talk again when it has agreed. Raises as `park`."""
        await self.talking().resume()

    def clear(self, talk: Talk) -> float:
        """Drop what an agent said and nobody heard; returns how many milliseconds."""
        return self.patchbay.clear(talk)

    def talking(self) -> Party:
        """The first party. Raises NotNow where the call has not been answered."""
        if self.first.media is None or self._state is not CallState.ANSWERED:
            raise NotNow(f"the call is {self._state.value}")
        return self.first

    async def _obey_order(self) -> None:
        raise Hangup(await self._order)

    async def _follow(self, party: Party) -> None:
        assert party.leg is not None
        async for event in party.leg.events:
            party.take(event)
            if party is self.first:
                self._first_did(event)
            if isinstance(event, Ended):
                await self.gone(party, self._ended(party, event))

    def _first_did(self, event: LegEvent) -> None:
        match event:
            case Ringing():
                self.reach("ringing")
            case Answered():
                self._become(CallState.ANSWERED)
                self.reach("answered")
            case _:
                pass

    async def gone(self, party: Party, outcome: Outcome) -> None:
        """A party's leg is over. Raises Hangup where the call is nothing without it."""
        self.announce(HangUp(leg=party, outcome=outcome))
        if party.essential:
            raise Hangup(outcome)
        self.patchbay.remove(party)
        await party.stream.close(self.lines.ports)

    async def _watch(self, party: Party) -> None:
        outcome = await guard.silent(party, timeout_s=self.limits.rtp_timeout_s)
        if party.essential:
            raise Hangup(outcome)
        await party.hang_up()

    def _spoken_to(self, party: Party, at: float) -> None:
        """A talkspurt reached a party at loop time `at`; an agent's is the end of a turn."""
        sources = self.patchbay.sources(party)
        if len(sources) == 1 and isinstance(talk := sources[0], Talk):
            talk.speech_began(at)

    def _pressed(self, party: Party, digits: str) -> None:
        self._note_digits("digits", digits)
        self.announce(Digits(leg=party, digits=digits))
        for talk in self.talks:
            if self.patchbay.hears(talk, party):
                talk.tell_digits(digits)

    def _note_digits(self, kind: str, digits: str) -> None:
        shown = {} if self.talk.agent.config.dtmf.hide else {"digits": digits}
        self.note(kind, count=len(digits), **shown)

    def _held(self, party: Party) -> None:
        if party is self.first:
            self.recorder.hold(held=party.held)
            self.note("held" if party.held else "resumed")
        self.announce(Hold(leg=party, held=party.held))

    def _ended(self, party: Party, ended: Ended) -> Outcome:
        inbound = party is self.first and self.facts.direction is Direction.INBOUND
        if party.answered.is_set():
            return ending.of_answered(ended, inbound=inbound)
        return ending.of_inbound(ended) if inbound else ending.of_outbound(ended)

    def _broken(self, error: BaseException) -> Outcome:
        """The outcome of a SIP command that failed: the leg's own last word where it has one."""
        if self.leg is not None and self.leg.ended is not None:
            return self._ended(self.first, self.leg.ended)
        return Outcome(
            result=Result.UPSTREAM_ERROR, cause=Cause.UNREACHABLE, sip_code=500, detail=str(error)
        )

    def _become(self, state: CallState) -> None:
        if state is not self._state:
            self._state = state
            log.debug("= call %s is %s", self.id, state.value)


def _leaves(group: BaseExceptionGroup[E]) -> Iterator[E]:
    """The exceptions of a group, however deep, in order."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
