"""The behaviours that the product stands and falls with. (Its answer to signals is in interop.)"""

import asyncio

import pytest

from tests.support.caller import Phone
from tests.support.line import Line
from tests.support.network import Link
from tests.support.pitch import heard
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = {"media": {"farewell_s": 0.5}}

AGENT_PITCH = 140.0
"""The stand-in's buzz, where no speech program is used; 1050 and 1330 are none of its harmonics."""


async def test_each_callers_tone_reaches_the_agent_and_comes_back_to_that_caller_alone(
    bridge: Bridge, phone: Phone
) -> None:
    async with (
        phone.call(bridge.address, user="echo", pitch=1050) as ann,
        phone.call(bridge.address, user="echo", pitch=1330) as bob,
    ):
        await asyncio.gather(ann.line.speech(), bob.line.speech())
        sounds = await asyncio.gather(ann.line.listen(0.5), bob.line.listen(0.5))
    assert [heard(each, 1050, 1330) for each in sounds] == [{1050}, {1330}]


async def test_the_agents_voice_reaches_the_caller(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="talker") as call:
        await call.line.speech()
        assert heard(await call.line.listen(0.3), AGENT_PITCH, 1050) == {AGENT_PITCH}


async def test_barge_in_silences_the_wire_after_at_most_one_more_packet(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="talker") as call:
        ours, agent = await bridge.answered(), await bridge.agent()
        await call.line.speech()
        call.line.pitch = 1050
        await until(lambda: ours.talk.barge_ins == 1)
        await call.line.listen(0.3)
        event = next(e for e in ours.chronicle._events if e.kind == "barge-in")
        cleared_at = ours.chronicle._began + event.at
        after = [packet for packet in call.line.packets if packet.at > cleared_at]
    assert agent.interruptions == 1
    assert len(after) >= 10
    assert sum(packet.speech for packet in after) <= 1
    record = await bridge.record()
    assert record["barge_ins"] == 1
    assert record["barge_in_dropped_ms"] == event.fields["dropped_ms"] > 1000


async def test_lost_packets_are_concealed_one_for_one_and_the_agent_gets_every_second(
    bridge: Bridge, phone: Phone
) -> None:
    often = Line(ptime=10)
    async with phone.call(bridge.address, user="silent", pitch=1050, line=often) as call:
        line, ours, agent = call.line, await bridge.answered(), await bridge.agent()
        await until(lambda: line.sent >= 20)
        line.link = link = Link(seed=7, loss=0.02, jitter_ms=30)
        await until(lambda: line.sent >= 320)
        line.link = None
        await until(lambda: line.sent >= 340)
        stats = ours.first.stream.stats
    assert link.lost >= 3
    assert link.lost <= stats.lost <= link.lost + stats.late
    assert stats.lost - stats.late <= stats.concealed <= stats.lost
    if not stats.ticks_late:  # the machine has kept time
        assert stats.lost - stats.late == link.lost
        assert stats.concealed == stats.lost
        assert stats.late <= 3
    assert agent.audio.overflows == agent.audio.underflows == agent.audio.odd == 0
    assert abs(agent.audio.audio_s - agent.audio.elapsed_s) < 0.2 + stats.tick_late_max


async def test_the_agent_gets_every_second_while_the_caller_sends_nothing(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        agent = await bridge.agent()
        await until(lambda: agent.audio.frames > 10)
        await call.line.hush()
        await asyncio.sleep(1.0)
        stats = (await bridge.answered()).first.stream.stats
    assert stats.filled > 30
    assert agent.audio.overflows == agent.audio.underflows == 0
    assert abs(agent.audio.audio_s - agent.audio.elapsed_s) < 0.2 + stats.tick_late_max


async def test_a_lost_agent_ends_the_call_with_a_bye_that_says_why(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="drop") as call:
        bye = await call.ended()
    assert "Q.850;cause=41" in bye["Reason"]
    record = await bridge.record()
    assert record["outcome"]["result"] == "upstream_error"
    assert record["outcome"]["cause"] == "agent-lost"
    metrics = await bridge.metrics()
    labels = 'cause="agent-lost",direction="inbound",result="upstream_error",trunk="pbx"'
    assert metrics[f"bridge_calls_total{{{labels}}}"] == 1


@pytest.mark.parametrize(("code", "cause"), [(1008, "agent-lost"), (1011, "agent-lost")])
async def test_an_agent_that_closes_with_an_error_is_lost(
    bridge: Bridge, phone: Phone, code: int, cause: str
) -> None:
    async with phone.call(bridge.address, user=f"close-{code}") as call:
        await call.ended()
    outcome = (await bridge.record())["outcome"]
    assert outcome["cause"] == cause
    assert str(code) in outcome["detail"]


async def test_an_oversized_frame_ends_its_call_and_no_other(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as other:
        await bridge.answered()
        async with phone.call(bridge.address, user="oversize") as call:
            await call.ended()
        await other.line.listen(0.2)
        assert other.bye is None
    assert (await bridge.record())["outcome"]["cause"] == "agent-lost"
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"
