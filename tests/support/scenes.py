"""Scenarios for the tests, each a small story of a call."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path

from bridge.scenario import AgentError, Call, Cause, Leg, NotAnswered, NotNow, events
from tests.support.waiting import until

WAV = Path("/nonexistent")
"""A file to play; a test puts its own here."""
JOIN_URL = ""
"""An agent that somebody else created; a test puts its own here."""
OVER = asyncio.Event()
"""Set when a scenario that would not end should do so."""
SEEN: list[str] = []
"""What the scenarios of a test have seen."""


async def menu(call: Call) -> None:
    """Digits choose the agent."""
    await call.ring()
    await call.answer()
    digits = await call.collect_digits(2, timeout_s=3, interdigit_s=0.3, prompt=WAV)
    SEEN.append(digits)
    agent = await call.create_agent({"1": "talker", "12": "echo"}.get(digits, "silent"))
    call.bridge(call.leg, agent)
    await call.converse(agent)


async def busy(call: Call) -> None:
    await call.reject(486, "Busy Here", {"X-Why": "lunch"})


async def elsewhere(call: Call) -> None:
    await call.redirect(["sip:other@127.0.0.9"])


class EarlyFile:
    async def run(self, call: Call) -> None:
        await call.early_media(WAV)
        await call.reject(480)


async def early_agent(call: Call) -> None:
    agent = await call.create_agent("talker", metadata={"caller": "impatient"})
    await call.early_media(agent, headers={"X-Early": "yes"})
    await until(lambda: "early media" in SEEN)
    await call.answer()
    await call.converse(agent)


async def through(call: Call) -> None:
    """A call from leg to leg, no agent."""
    await call.ring()
    other = await call.dial("+15550177", name="second", caller_id="+15550111")
    await call.answer()
    call.bridge(call.leg, other)
    await asyncio.sleep(60)


async def passes_on(call: Call) -> None:
    """The headers that a call came with are those of its second leg, and of the answers to it."""
    carried = ("X-Account", "P-Asserted-Identity", "User-to-User", "Diversion", "History-Info")
    headers = {name: call.facts.headers[name][0] for name in carried}
    await call.ring(headers)
    other = await call.dial("+15550177", headers=headers)
    await call.answer(headers)
    call.bridge(call.leg, other)
    await asyncio.sleep(60)


async def reads_headers(call: Call) -> None:
    """What the other sides say of themselves in headers: INVITE, refusal, answer, BYE."""

    @call.on(events.HangUp)
    def gone(event: events.HangUp) -> None:
        SEEN.append(f"gone {event.leg.name} {event.headers.first('X-Why')}")

    SEEN.append(f"caller {call.leg.headers['p-asserted-identity'][0]}")
    await call.answer()
    try:
        await call.dial("+15550177", name="first")
    except NotAnswered as refusal:
        SEEN.append(f"refused {refusal.headers.first('X-Why')}")
    other = await call.dial("+15550177", name="second")
    SEEN.append(f"answered {other.headers.first('User-to-User')}")
    await other.ended
    await call.dial("+15550177", name="third")


async def rings_in_vain(call: Call) -> None:
    """A second leg that is refused; the agent is told."""
    await call.ring()
    agent = await call.create_agent("silent")
    call.bridge(call.leg, agent)
    await call.answer()
    try:
        await call.dial("+15550177", timeout_s=3)
    except NotAnswered as refusal:
        agent.tell(f"It is {refusal.outcome.cause}.")
    await call.converse(agent)


async def three(call: Call) -> None:
    """Two legs talk, and an agent hears both."""
    await call.ring()
    agent = await call.create_agent("echo")
    await call.answer()
    other = await call.dial("+15550177")
    call.bridge(call.leg, other)
    call.bridge(call.leg, agent)
    call.bridge(other, agent)
    await call.converse(agent)


async def musical_hold(call: Call) -> None:
    @call.on(events.Hold)
    def held(event: events.Hold) -> None:
        SEEN.append(f"{event.leg.name} {'held' if event.held else 'back'}")

    await call.ring()
    agent = await call.create_agent("talker")
    call.bridge(call.leg, agent)
    await call.answer()
    await asyncio.sleep(0.5)
    await call.hold(music=WAV)
    await asyncio.sleep(1.5)
    await call.resume()
    await call.converse(agent)


async def holds_one(call: Call) -> None:
    """An agent talks with two legs, of which one is held when the test says so."""
    agent = await call.create_agent("echo")
    await call.answer()
    other = await call.dial("+15550177")
    call.bridge(call.leg, agent)
    call.bridge(other, agent)
    await until(lambda: "hold" in SEEN)
    await call.hold()
    await call.converse(agent)


async def hasty(call: Call) -> None:
    """Takes a leg back before it has agreed to be held."""
    await call.ring()
    agent = await call.create_agent("silent")
    call.bridge(call.leg, agent)
    await call.answer()
    await call.hold()
    try:
        await call.resume()
    except NotNow as error:
        SEEN.append(str(error))
    await call.converse(agent)


async def too_early(call: Call) -> None:
    """What cannot be, before the answer or at all, leaves the call as it was."""
    await call.ring()
    for errand in (call.play(WAV), call.hold(), call.collect_digits(1, prompt=WAV), call.dial()):
        try:
            await errand
        except NotNow as refusal:
            SEEN.append(str(refusal))
    await call.reject(480)


async def transfers(call: Call) -> None:
    """Files of a transfer are named by text as well as by path."""
    agent = await call.create_agent("silent")
    call.bridge(call.leg, agent)
    await call.answer()
    done = await call.transfer(
        "+15550177", mode="warm", music=str(WAV), announcement=WAV, accept_key=""
    )
    SEEN.append(f"done: {done.done}")
    await call.converse(agent)


async def ends(call: Call) -> None:
    """Ends the call by itself, and with it both legs."""

    @call.on(events.HangUp)
    def gone(event: events.HangUp) -> None:
        SEEN.append(f"{event.leg.name} {event.outcome.cause}")

    await call.answer()
    call.bridge(call.leg, await call.dial("+15550177"))
    await call.end(Cause.TIME_LIMIT)


async def hangs_up(call: Call) -> None:
    """Hangs up the caller, with a word."""
    agent = await call.create_agent("silent")
    call.bridge(call.leg, agent)
    await call.answer()
    await call.leg.hang_up(headers={"X-Why": "sold"})
    await call.converse(agent)


async def raises(call: Call) -> None:
    await call.ring()
    agent = await call.create_agent("silent")
    call.bridge(call.leg, agent)
    await call.answer()
    raise LookupError("the customer is not known")


async def raises_in_a_reaction(call: Call) -> None:
    await call.answer()

    @call.on(events.AgentState)
    def fail(event: events.AgentState) -> None:
        raise LookupError(event.state)

    await plain(call)


async def raises_in_a_slow_reaction(call: Call) -> None:
    await call.answer()

    @call.on(events.AgentState)
    async def fail(event: events.AgentState) -> None:
        await asyncio.sleep(0)
        raise LookupError(event.state)

    await plain(call)


async def raises_in_a_group(call: Call) -> None:
    async def fail() -> None:
        raise LookupError("a task of the scenario's own")

    await call.answer()
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        group.create_task(plain(call))


async def awaits_what_was_cancelled(call: Call) -> None:
    await call.answer()
    errand = asyncio.create_task(asyncio.sleep(60))
    errand.cancel()
    await errand


async def cancels_itself(call: Call) -> None:
    await call.answer()
    itself = asyncio.current_task()
    assert itself is not None
    itself.cancel()
    await asyncio.sleep(60)


async def exits(call: Call) -> None:
    await call.answer()
    sys.exit("the shop is closed")


async def exits_in_a_reaction(call: Call) -> None:
    await call.answer()

    @call.on(events.AgentState)
    def leave(event: events.AgentState) -> None:
        sys.exit(event.state)

    await plain(call)


async def exits_in_a_slow_reaction(call: Call) -> None:
    await call.answer()

    @call.on(events.AgentState)
    async def leave(event: events.AgentState) -> None:
        await asyncio.sleep(0)
        sys.exit(event.state)

    await plain(call)


async def in_a_group(call: Call) -> None:
    """The agent talks while a task of the scenario's own follows what is said."""

    async def follow() -> None:
        async for event in call.events(events.Transcript):
            who = event.role
            SEEN.append(f"{who} said something")

    await call.ring()
    agent = await call.create_agent("tool-user")
    call.bridge(call.leg, agent)
    await call.answer()
    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        await call.converse(agent)


async def misses_nothing(call: Call) -> None:
    """Looks at what was said only when it has been said."""
    said = call.events(events.Transcript)
    over = asyncio.Event()

    @call.on(events.Transcript)
    def told(event: events.Transcript) -> None:
        over.set()

    await call.ring()
    agent = await call.create_agent("tool-user")
    call.bridge(call.leg, agent)
    await call.answer()
    await over.wait()
    SEEN.append("told")
    async with asyncio.timeout(1):
        SEEN.append((await anext(said)).text)


async def plain(call: Call) -> None:
    """An answered call talks with an agent."""
    agent = await call.create_agent("talker")
    call.bridge(call.leg, agent)
    await call.converse(agent)


async def words(call: Call) -> None:
    """All that can be said to an agent."""
    speaks = asyncio.Event()

    @call.on(events.AgentState)
    def heard(event: events.AgentState) -> None:
        if event.state == "speaking":
            speaks.set()

    await call.ring()
    agent = await call.create_agent("talker")
    call.bridge(call.leg, agent)
    await call.answer()
    await speaks.wait()
    await asyncio.sleep(0.5)
    assert agent.clear() > 0
    SEEN.append("cleared")
    agent.tell("The line is bad.")
    agent.set_output_medium("text")
    agent.set_output_medium("voice")
    agent.say("One moment.", uninterruptible=True)
    agent.hang_up("So long.")
    await call.converse(agent)


async def calls_in_vain(call: Call) -> None:
    """Whom we call refuses, and the scenario is told before it is over."""

    @call.on(events.HangUp)
    def gone(event: events.HangUp) -> None:
        SEEN.append(f"{event.leg.name} {event.outcome.cause} {event.outcome.sip_code}")

    await call.dial()


async def follows(call: Call) -> None:
    """Everything that happens is seen, both ways."""

    @call.on(events.Digits)
    def pressed(event: events.Digits) -> None:
        SEEN.append(f"digits {event.digits} of {event.leg.name}")

    @call.on(events.HangUp)
    def gone(event: events.HangUp) -> None:
        SEEN.append(f"{event.leg.name} {event.outcome.cause}")

    @call.on(events.MediaQuality)
    def heard(event: events.MediaQuality) -> None:
        SEEN.append(f"{event.leg.name} sounds {'well' if (event.uplink or 0) > 3 else 'badly'}")

    await call.ring()
    agent = await call.create_agent("receptionist")
    call.bridge(call.leg, agent)
    await call.answer()
    async for event in call.events(events.Transcript, events.Digits):
        if isinstance(event, events.Transcript):
            SEEN.append(f"{event.role} said something")
            agent.say("I was made to say this.")
            break
    await call.converse(agent)


async def interjects(call: Call) -> None:
    """A file in the middle of what the agent says."""
    await call.ring()
    agent = await call.create_agent("talker")
    call.bridge(call.leg, agent)
    await call.answer()
    await asyncio.sleep(1)
    await call.play(WAV)
    SEEN.append("played")
    await call.converse(agent)


async def joins(call: Call) -> None:
    """An agent that somebody else created."""
    await call.ring()
    agent = await call.join_agent(JOIN_URL)
    call.bridge(call.leg, agent)
    await call.answer()
    await call.converse(agent)


async def watches(call: Call) -> None:
    """What an agent says and uses is told while it does."""

    @call.on(events.TranscriptDelta)
    def saying(event: events.TranscriptDelta) -> None:
        SEEN.append(f"{event.role} {event.ordinal} {event.delta.strip()}")

    @call.on(events.ToolCall)
    def using(event: events.ToolCall) -> None:
        SEEN.append(f"{event.agent.agent.name} uses {event.name} {dict(event.parameters)}")

    await call.ring()
    agent = await call.create_agent("tool-user")
    call.bridge(call.leg, agent)
    await call.answer()
    await call.converse(agent)


async def file_to_agent(call: Call) -> None:
    """A file that the agent hears along with the caller, until it is stopped."""
    await call.ring()
    agent = await call.create_agent("echo")
    call.bridge(call.leg, agent)
    await call.answer()
    player = await call.player(WAV, loop=True)
    call.bridge(player, agent)
    await until(lambda: "heard" in SEEN)
    player.stop()
    await player.ended()
    SEEN.append("stopped")
    await call.converse(agent)


async def keeps(call: Call) -> None:
    """A recorder hears the caller, then a file that the caller hears too."""
    await call.ring()
    agent = await call.create_agent("silent")
    call.bridge(call.leg, agent)
    await call.answer()
    recorder = await call.recorder()
    call.bridge(call.leg, recorder)
    await asyncio.sleep(0.8)
    call.unbridge(call.leg, recorder)
    player = await call.player(WAV)
    call.bridge(recorder, player)
    call.bridge(player, call.leg)
    await player.ended()
    recorder.stop()
    SEEN.append("kept")
    await call.converse(agent)


async def keeps_agent(call: Call) -> None:
    """A recorder hears what the agent says, to the end of the call."""
    await call.ring()
    agent = await call.create_agent("talker")
    await call.answer()
    call.bridge(agent, await call.recorder())
    call.bridge(call.leg, agent)
    await call.converse(agent)


async def loses(call: Call) -> None:
    """An agent that is lost, and what the caller is told then."""
    lost = asyncio.Event()

    @call.on(events.AgentLost)
    def gone(event: events.AgentLost) -> None:
        SEEN.append(f"lost {event.agent.agent.name}")
        lost.set()

    await call.ring()
    agent = await call.create_agent("drop")
    call.bridge(call.leg, agent)
    await call.answer()
    with contextlib.suppress(AgentError):
        await call.converse(agent)
    await call.play(WAV)


async def blocks(call: Call) -> None:
    await call.ring()
    await call.answer()
    time.sleep(0.8)  # noqa: ASYNC251 - that is the story
    await asyncio.sleep(0.2)


async def presses(call: Call) -> None:
    """Keys that a machine at the other end wants."""
    await call.ring()
    try:
        call.press("1")
    except NotNow as refusal:
        SEEN.append(str(refusal))
    await call.answer()
    call.press("159w*", duration_ms=60, pause_ms=40)
    await call.leg.ended


async def never_ends(call: Call) -> None:
    await call.ring()
    await call.answer()
    while not OVER.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await OVER.wait()


async def outlives(call: Call) -> None:
    """It deals with an error for longer than its call lives, which ends on the same error."""
    await call.answer()
    caught: Exception | None = None

    @call.on(events.Digits)
    def fail(_: events.Digits) -> None:
        assert caught is not None
        raise caught

    try:
        await call.create_agent("error-503")
    except AgentError as error:
        caught = error
        SEEN.append("caught")
        while not OVER.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await OVER.wait()
        SEEN.append(f"over: {caught}")


async def returns(call: Call) -> None:
    await call.ring()
    await call.answer()


class NoRun:
    """Not a scenario."""


async def rings_several(call: Call) -> None:
    """Two telephones ring at once; whoever answers first has the caller."""
    await call.ring()
    winner = await first_of(call, "+15550177", "+15550178")
    if winner is None:
        await call.reject(480)
    await call.answer()
    call.bridge(call.leg, winner)
    await asyncio.sleep(60)


async def first_of(call: Call, *numbers: str) -> Leg | None:
    """As docs/scenarios.md has it."""
    dials = [asyncio.create_task(call.dial(number)) for number in numbers]
    winner = None
    try:
        for answer in asyncio.as_completed(dials):
            with contextlib.suppress(NotAnswered):
                winner = await answer
                break
    finally:
        for dial in dials:
            dial.cancel()
        for late in await asyncio.gather(*dials, return_exceptions=True):
            if isinstance(late, Leg) and late is not winner:
                await late.hang_up()
    return winner
