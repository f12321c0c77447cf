"""What may happen to a call that is up: hold, moved media, other codecs, silence, orders."""

import asyncio

import pytest

from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge, offer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = {"media": {"rtp_timeout_s": 1.2}}


async def agree(call: SipCall, sdp: str) -> str:
    """Offer again, and return the direction that was answered."""
    call.reinvite(sdp)
    answer = await call.expect(200)
    call.ack()
    return next(line[2:] for line in answer.body.split("\r\n") if line in DIRECTIONS)


DIRECTIONS = ("a=sendrecv", "a=recvonly", "a=inactive", "a=sendonly")


@pytest.mark.parametrize(
    ("hold", "answered"),
    [
        ({"direction": "sendonly"}, "recvonly"),
        ({"direction": "inactive"}, "inactive"),
        ({"host": "0.0.0.0"}, "sendrecv"),
    ],
    ids=["sendonly", "inactive", "null address"],
)
async def test_a_held_call_is_silent_both_ways_and_comes_back(
    bridge: Bridge, phone: Phone, hold: dict[str, str], answered: str
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours, agent = await bridge.answered(), await bridge.agent()
        await call.line.speech()
        direction = await agree(call, describe(call.line, version=2, **hold))
        assert direction in (answered, "recvonly")
        await until(lambda: ours.current.held)
        assert (await bridge.get(f"/v1/calls/{ours.id}"))["held"] is True
        await asyncio.sleep(0.05)
        packets = len(call.line.packets)
        await call.line.hush()
        await asyncio.sleep(0.2)
        assert len(call.line.packets) == packets
        assert call.bye is None
        assert await agree(call, describe(call.line, version=3)) == "sendrecv"
        since = asyncio.get_running_loop().time()
        call.line.talk(call.line.remote or ("", 0), pitch=1330)
        await call.line.speech(since)
        assert heard(await call.line.listen(0.3), 1050, 1330) == {1330}
        assert not ours.current.held
    assert agent.audio.overflows == agent.audio.underflows == 0
    kinds = [event.kind for event in ours.chronicle._events]
    assert kinds.count("held") == kinds.count("resumed") == 1


async def test_a_held_call_may_be_silent_for_longer_than_the_rtp_timeout(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        await agree(call, describe(call.line, version=2, direction="sendonly"))
        await call.line.hush()
        await asyncio.sleep(2.3)
        assert call.bye is None


async def test_an_update_holds_as_a_reinvite_does(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        await until(lambda: "answered" in ours.chronicle.timings)
        call.send("UPDATE", body=describe(call.line, direction="inactive", version=2))
        answer = await call.expect(200)
        assert "a=inactive" in answer.body
        await until(lambda: ours.current.held)


async def test_media_that_moves_is_followed(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call, Line() as other:
        await call.line.speech()
        await agree(call, describe(other, version=2))
        await call.line.hush()
        other.talk(call.line.remote or ("", 0), pitch=1330)
        await until(lambda: heard(other.heard()[-4800:], 1330) == {1330})
        packets = len(call.line.packets)
        await other.listen(0.1)
        assert len(call.line.packets) <= packets + 1


async def test_the_codec_may_change_in_a_call(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        agent = await bridge.agent()
        await call.line.speech()
        await agree(call, describe(call.line, formats="8 101", version=2))
        call.line.payload_type = 8
        await until(lambda: call.line.packets[-1].payload_type == 8)
        call.line.pitch = 1330
        await call.line.listen(0.1)
        assert heard(await call.line.listen(0.3), 1330) == {1330}
    assert agent.audio.overflows == agent.audio.underflows == 0
    assert (await bridge.record())["codec"] == "PCMA"


async def test_a_storm_of_reinvites_is_weathered(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        await call.line.speech()
        for version in range(2, 42):
            await agree(call, describe(call.line, version=version))
        assert heard(await call.line.listen(0.3), 1050) == {1050}


async def test_a_reinvite_on_top_of_another_is_refused_and_the_call_goes_on(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        await call.line.speech()
        call.reinvite(describe(call.line, version=2))
        first = call._sent["INVITE"]
        call.reinvite(describe(call.line, version=3))
        codes = set()
        for _ in range(2):
            answer = await call.final()
            codes.add(answer.code)
            if answer.code == 200:
                call._sent["INVITE"] = first
                call.ack()
        assert 200 in codes
        assert codes - {200} <= {491, 500}
        assert heard(await call.line.listen(0.3), 1050) == {1050}


@pytest.mark.parametrize("sdp", ["v=0\r\n", "hello\r\n"])
async def test_a_reinvite_that_cannot_be_read_is_refused_and_the_call_goes_on(
    bridge: Bridge, phone: Phone, sdp: str
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        await call.line.speech()
        call.reinvite(sdp)
        assert (await call.final()).code in (400, 415, 488, 500)
        assert heard(await call.line.listen(0.3), 1050) == {1050}


async def test_a_reinvite_without_sdp_gets_an_offer(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        await call.line.speech()
        call.reinvite("")
        fresh = await call.expect(200)
        assert fresh.media == call.line.remote
        call.ack(describe(call.line, version=2))
        assert heard(await call.line.listen(0.3), 1050) == {1050}


async def test_a_silent_wire_ends_the_call_with_its_cause(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        await call.line.listen(0.1)
        await call.line.hush()
        bye = await call.ended()
    assert 'Q.850;cause=102;text="media-lost"' in bye["Reason"]
    outcome = (await bridge.record())["outcome"]
    assert (outcome["result"], outcome["cause"]) == ("indeterminate", "media-lost")
    assert "ever" not in outcome["detail"]


async def test_a_caller_that_never_sends_is_lost_too(bridge: Bridge, phone: Phone) -> None:
    call = await offer(phone, bridge, user="silent")
    await call.expect(200)
    call.ack()
    await call.ended()
    outcome = (await bridge.record())["outcome"]
    assert outcome["cause"] == "media-lost"
    assert "nor ever before; see sip.public_address" in outcome["detail"]


async def test_an_operator_ends_a_call(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        ours = await bridge.answered()
        # Before the ACK PJSIP keeps the BYE back, and sends one without our headers.
        await until(lambda: "answered" in ours.chronicle.timings)
        await bridge.post(f"/v1/calls/{ours.id}/hangup")
        bye = await call.ended()
    assert 'cause=16;text="operator-hung-up"' in bye["Reason"]
    outcome = (await bridge.record())["outcome"]
    assert (outcome["result"], outcome["cause"]) == ("success", "operator-hung-up")


async def test_nothing_is_said_before_the_caller_has_confirmed_and_nothing_is_lost(
    bridge: Bridge, phone: Phone
) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), user="talker")
        answer = await call.expect(200)
        await asyncio.sleep(0.5)
        assert not any(p.speech for p in line.packets)
        acknowledged = asyncio.get_running_loop().time()
        call.ack()
        line.talk(answer.media)
        first = await line.speech()
        assert first.at >= acknowledged
        # The first word, "This" of four letters, is a quarter of a second of sound: none is cut.
        await line.listen(0.5)
        spoken = [p.speech for p in line.packets[line.packets.index(first) :]]
        word = spoken.index(False) * line.ptime
        assert 200 <= word <= 280
        await call.hang_up()


async def test_a_bye_that_crosses_ours_ends_the_call_once(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        ours = await bridge.answered()
        await call.line.listen(0.1)
        hanging_up = asyncio.ensure_future(bridge.post(f"/v1/calls/{ours.id}/hangup"))
        call.send("BYE")
        await hanging_up
        await bridge.idle()
        call.over = True
    assert bridge.unread == 0


async def test_a_call_ended_before_the_caller_has_confirmed_it_gets_a_bye_after_its_ack(
    bridge: Bridge, phone: Phone
) -> None:
    call = await offer(phone, bridge, user="silent")
    await call.expect(200)
    ours = await bridge.call()
    await bridge.post(f"/v1/calls/{ours.id}/hangup")
    await asyncio.sleep(0.1)
    call.ack()
    await call.ended()  # PJSIP keeps the BYE back until the ACK, and sends it without our headers
    assert (await bridge.record())["outcome"]["q850"] == 16
