"""Comfort noise from the offer to the ear: agreed on, sent while the agent is silent, and taken."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest

from deploy.ports import free_port
from rtp import rtcp
from sip.pjsua.build import CAN_DO_NOISE
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import NOISE, Line, Packet
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CAN_DO_NOISE, reason="this PJSIP build has no comfort noise"),
]

PORT = free_port()
CHANGES = {
    "media": {"comfort_noise": "offer", "rtp_timeout_s": 2.2},
    "trunks": {"pbx": {"address": f"sip:127.0.0.2:{PORT}"}},
}
NOISY = "0 13 101"
AGAIN = 3200
"""Ticks from one packet of comfort noise to the next: 400 ms."""


@contextlib.asynccontextmanager
async def talking(
    phone: Phone, bridge: Bridge, agent: str, formats: str = NOISY
) -> AsyncIterator[SipCall]:
    """An answered call to that agent."""
    async with Line() as line:
        offer = describe(line, formats=formats, more=["a=rtcp-mux"])
        call = await phone.invite(bridge.address, offer, user=agent)
        call.line = line
        answer = await call.expect(200)
        call.ack()
        line.talk(answer.media)
        yield call
        if not call.over:
            await call.hang_up()


def noise(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.payload_type == NOISE]


def ticks(before: Packet, after: Packet) -> int:
    return (after.timestamp - before.timestamp) & 0xFFFFFFFF


async def test_a_silent_agent_is_told_of_every_400_ms_and_reports_count_it(
    bridge: Bridge, phone: Phone
) -> None:
    async with talking(phone, bridge, "silent") as call:
        line = call.line
        await until(lambda: len(noise(line.packets)) >= 5)
        await call.hang_up()
        await until(lambda: bool(line.reports))
    packets = line.packets
    told = noise(packets)
    assert {packet.payload for packet in told} == {b"\x7f"}
    for one, next_one in itertools.pairwise(told):  # later where the machine let a slot pass
        assert ticks(one, next_one) % 160 == 0
        assert AGAIN <= ticks(one, next_one) < 2 * AGAIN
    for one, next_one in itertools.pairwise(packets):
        assert next_one.sequence == (one.sequence + 1) & 0xFFFF
    (report,) = (p for p in rtcp.parse(line.reports[-1]) if isinstance(p, rtcp.Report))
    assert (report.packets, report.octets) == (
        len(packets),
        sum(len(packet.payload) for packet in packets),
    )


async def test_what_the_agent_says_after_noise_is_marked_and_whole(
    bridge: Bridge, phone: Phone
) -> None:
    async with talking(phone, bridge, "receptionist") as call:
        line = call.line
        first = await line.speech()
        await until(lambda: bool(noise(line.packets[line.packets.index(first) :])))
        told = noise(line.packets)[-1]
        line.pitch = 440
        await asyncio.sleep(0.8)
        line.pitch = 0
        again = await line.speech(since=told.at)
        await line.listen(0.3)
    before = line.packets[line.packets.index(again) - 1]
    assert again.marker
    assert before.payload_type == NOISE
    assert ticks(before, again) % 160 == 0
    # The clock did not stop meanwhile; how late a packet comes is the machine's affair.
    assert ticks(before, again) / 8000 == pytest.approx(again.at - before.at, abs=0.3)


async def test_without_comfort_noise_in_the_offer_silence_is_sent_as_ever(
    bridge: Bridge, phone: Phone
) -> None:
    async with talking(phone, bridge, "silent", formats="0 101") as call:
        await call.line.listen(1.0)
    assert {packet.payload_type for packet in call.line.packets} == {0}


async def test_a_caller_that_suppresses_silence_is_heard_as_long_as_it_is_there(
    bridge: Bridge, phone: Phone
) -> None:
    async with talking(phone, bridge, "silent") as call:
        agent = await bridge.agent()
        ours = await bridge.answered()
        stats = ours.first.stream.stats
        await until(lambda: stats.received > 20)
        await call.line.hush()
        filled = stats.filled
        for _ in range(3):
            call.line.say_nothing(50)
            await asyncio.sleep(0.4)
        assert stats.filled - filled > 50
        assert stats.lost == stats.concealed == 0
        assert agent.joined is not None


async def test_a_caller_who_says_nothing_more_is_there_as_long_as_reports_come(
    bridge: Bridge, phone: Phone
) -> None:
    async with talking(phone, bridge, "silent") as call:
        ours = await bridge.answered()
        stream = ours.first.stream
        await until(lambda: stream.stats.received > 20)
        await call.line.hush()
        call.line.say_nothing(50)
        for _ in range(10):
            heard = rtcp.Reception(
                ssrc=stream._downlink.numbering.ssrc,
                fraction_lost=0.0,
                lost=0,
                highest=1,
                jitter=0,
                last_report=0,
                delay=0,
            )
            report = rtcp.Report(
                ssrc=1, ntp=None, timestamp=0, packets=0, octets=0, receptions=(heard,)
            )
            call.line.send_raw(rtcp.serialize(report))
            await asyncio.sleep(0.5)
        assert not call.over
        began = asyncio.get_running_loop().time()
        await call.ended()
        assert asyncio.get_running_loop().time() - began < 5
    assert (await bridge.record())["outcome"]["cause"] == "media-lost"


async def test_a_reinvite_takes_comfort_noise_away_and_gives_it_back(
    bridge: Bridge, phone: Phone
) -> None:
    async with talking(phone, bridge, "silent") as call:
        line = call.line
        await until(lambda: len(noise(line.packets)) >= 2)
        for version, formats in ((2, "0 101"), (3, "13 0 101")):
            call.reinvite(describe(line, formats=formats, version=version))
            answer = await call.expect(200)
            call.ack()
            assert ("a=rtpmap:13 CN/8000" in answer.body) is ("13" in formats)
            changed = len(line.packets)
            await asyncio.sleep(1.0)
            assert bool(noise(line.packets[changed + 2 :])) is ("13" in formats)


@pytest.mark.parametrize(("formats", "agreed"), [("13 0 101", True), ("0 101", False)])
async def test_who_we_call_settles_it_by_the_answer(
    bridge: Bridge, formats: str, *, agreed: bool
) -> None:
    async with Phone(port=PORT) as callee, Line() as line:
        order = {"to": "+15550100", "agent": "silent", "trunk": "pbx"}
        await bridge.post("/v1/calls", order)
        call = await callee.called()
        assert call.invite is not None
        assert "a=rtpmap:13 CN/8000" in call.invite.body
        call.reply(call.invite, "200 OK", body=describe(line, formats=formats))
        await call.expect("ACK")
        line.talk(call.invite.media)
        await asyncio.sleep(1.2)
        await call.hang_up()
    assert bool(noise(line.packets)) is agreed
