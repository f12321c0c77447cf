"""Calls that come in and are taken: from the INVITE to the BYE."""

import asyncio
import itertools
from collections import Counter

import pytest

from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.ports import MEDIA
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_phone_rings_at_once_and_is_answered_when_the_agent_is_there(
    bridge: Bridge, phone: Phone
) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), user="slow")
        await call.expect(100)
        await call.expect(180)
        ours = await bridge.call()
        await until(lambda: "ringing" in ours.chronicle.timings)
        assert ours.talk.session is None
        answer = await call.expect(200)
        assert list(ours.chronicle.timings) == ["ringing", "agent-created", "agent-joined"]
        assert (await bridge.agent()).joined is not None
        call.ack()
        await until(lambda: "answered" in ours.chronicle.timings)
        await call.hang_up()
    assert answer.media[0] == "127.0.0.1"
    assert answer.media[1] in MEDIA[::2]


async def test_the_caller_hangs_up(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo") as call:
        agent = await bridge.agent()
        await call.hang_up('Reason: Q.850;cause=16;text="Normal call clearing"')
    outcome = (await bridge.record())["outcome"]
    assert outcome == {
        "result": "success",
        "cause": "caller-hung-up",
        "sip_code": 0,
        "q850": 16,
        "detail": "",
    }
    await until(lambda: agent.ended is not None)
    assert agent.end_reason == "hangup"


async def test_the_agent_hangs_up_by_its_tool_and_its_farewell_is_heard(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="tool-user") as call:
        bye = await call.ended()
        said = [p for p in call.line.packets if p.speech]
    agent = await bridge.agent()
    assert 'Q.850;cause=16;text="agent-hung-up"' in bye["Reason"]
    assert [use.name for use in agent.tools_used] == ["hang_up"]
    record = await bridge.record()
    assert record["outcome"]["cause"] == "agent-hung-up"
    assert record["outcome"]["result"] == "success"
    last = record["transcript"][-1]
    assert (last["role"], last["text"]) == ("agent", "Bye.")
    assert len(said) > 10


async def test_an_unknown_tool_gets_the_documented_error_and_the_call_goes_on(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="tool-stranger"):
        ours, agent = await bridge.answered(), await bridge.agent()
        await until(lambda: any('"client_tool_result"' in text for text in agent.received))
        await until(lambda: len(ours.talk.transcripts.utterances) > 1)
    result = next(text for text in agent.received if "client_tool_result" in text)
    assert '"errorType":"undefined"' in result.replace(" ", "")
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"


async def test_a_farewell_sent_just_before_the_close_is_heard_to_its_end(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="farewell") as call:
        await call.ended()
        spoken = [p for p in call.line.packets if p.speech]
    agent = await bridge.agent()
    length_s = 0.06 * len(agent.transcripts.utterances[0].text)
    heard_s = spoken[-1].at - spoken[0].at
    assert length_s > 1
    assert heard_s > length_s - 0.2
    assert (await bridge.record())["outcome"]["cause"] == "agent-hung-up"


@pytest.mark.parametrize("agent", ["garbage", "late-clear", "zeros"])
async def test_an_agent_with_odd_manners_is_borne(bridge: Bridge, phone: Phone, agent: str) -> None:
    async with phone.call(bridge.address, user=agent) as call:
        await call.line.speech()
        ours = await bridge.answered()
        if agent == "garbage":
            session = ours.talk.session
            assert session is not None
            await until(lambda: session.stats.bad_json > 3 and session.stats.odd_length > 0)
        await call.line.listen(0.2)
        assert call.bye is None
    assert (await bridge.record())["outcome"]["result"] == "success"


async def test_an_invite_without_sdp_is_answered_with_an_offer(
    bridge: Bridge, phone: Phone
) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, "", user="echo")
        offer = await call.expect(200)
        assert " RTP/AVP 0 8 101" in offer.body
        line.payload_type = 8
        call.ack(describe(line, formats="8 101"))
        line.talk(offer.media, pitch=1050)
        await line.speech()
        await call.hang_up()
    assert (await bridge.record())["codec"] == "PCMA"


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
async def test_any_packet_time_is_understood_and_spoken_back(
    bridge: Bridge, phone: Phone, ptime: int
) -> None:
    async with phone.call(bridge.address, user="echo", line=Line(ptime=ptime), pitch=1050) as call:
        await call.line.speech()
        await call.line.listen(0.3)
        agent = await bridge.agent()
        packets = call.line.packets
    assert {len(p.payload) for p in packets} == {8 * ptime}
    steps = Counter((b.timestamp - a.timestamp) % 2**32 for a, b in itertools.pairwise(packets))
    # On a busy machine a late tick is left out, and time goes on by a whole packet or more.
    assert {step % (8 * ptime) for step in steps} == {0}
    assert steps.most_common(1)[0][0] == 8 * ptime
    assert agent.audio.overflows == agent.audio.underflows == 0


async def test_the_first_talkspurt_is_marked_and_sequences_never_stop(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        await call.line.speech()
        await call.line.listen(0.3)
        packets = call.line.packets
    numbers = [p.sequence for p in packets]
    assert all((b - a) % 65536 == 1 for a, b in itertools.pairwise(numbers))
    first = next(p for p in packets if p.speech)
    assert first.marker or packets[0].marker
    assert sum(p.marker for p in packets) <= 2


async def test_rtp_from_where_the_packets_come_is_answered_there(
    bridge: Bridge, phone: Phone
) -> None:
    async with Line() as behind_nat, Line() as announced:
        call = await phone.invite(bridge.address, describe(announced), user="echo")
        answer = await call.expect(200)
        call.ack()
        behind_nat.talk(answer.media, pitch=1050)
        await behind_nat.speech()
        await call.hang_up()
    assert (await bridge.record())["sound"]["received"] > 0


async def test_nonsense_on_the_media_port_is_counted_and_harms_nothing(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        await call.line.speech()
        ours = await bridge.answered()
        for datagram in (b"", b"x", bytes(11), b"\x80" * 2000, b"\x80\x60" + bytes(170)):
            call.line.send_raw(datagram)
            call.line.send_rtcp(datagram)
        await until(
            lambda: ours.first.stream.stats.invalid + ours.first.stream.stats.unexpected >= 4
        )
        async with Line() as stranger:
            stranger.talk(call.line.remote or ("", 0), pitch=700)
            await until(lambda: ours.first.stream.stats.strangers > 5)
        sound = await call.line.listen(0.2)
    assert sound
    assert call.bye is None


async def test_many_calls_at_once_leave_nothing_behind(bridge: Bridge, phone: Phone) -> None:
    async def one(pitch: float) -> None:
        async with phone.call(bridge.address, user="echo", pitch=pitch) as call:
            await call.line.speech()

    await asyncio.gather(*(one(600 + 50 * number) for number in range(12)))
    causes = [(await bridge.record())["outcome"]["cause"] for _ in range(12)]
    assert causes == ["caller-hung-up"] * 12
