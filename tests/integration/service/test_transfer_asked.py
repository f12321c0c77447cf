"""Transfers that the other side asks for: REFER, and INVITE with Replaces."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
import soundfile

from bridge.call import Call, CallState
from deploy.ports import free_port
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.pitch import heard, heard_in_turn
from tests.support.service import Bridge, noted
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
CHANGES: dict[str, Any] = {
    "trunks": {
        "pbx": {
            "address": f"sip:127.0.0.2:{PORT}",
            "accept_refer": True,
            "accept_replaces": True,
        },
        "stranger": {
            "hosts": ["127.0.0.3"],
            "address": f"sip:127.0.0.3:{PORT}",
            "accept_refer": True,
        },
    },
    "recordings": {"folder": "kept"},
    "agents": {"kept": {"agent_id": "echo", "recording": {"auto": True}}},
    "routes": [{"to": name, "agent": name} for name in ("silent", "echo", "kept")],
}


@pytest_asyncio.fixture(loop_scope="module")
async def other() -> AsyncIterator[Phone]:
    async with Phone(port=PORT) as phone:
        yield phone


async def test_whom_a_caller_refers_to_takes_its_place_with_the_agent(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with phone.call(bridge.address, user="kept", pitch=1050) as call, Line() as line:
        ours = await bridge.answered()
        await until(lambda: ours.state is CallState.ANSWERED)
        await call.line.speech()
        await call.line.listen(0.3)
        call.send("REFER", f"Refer-To: <sip:ben@127.0.0.2:{PORT}>", "Referred-By: <sip:ann@x>")
        await call.expect(202)
        second = await other.called()
        assert second.invite is not None
        assert second.invite.start.startswith("INVITE sip:ben@")
        assert second.invite["Referred-By"] == "<sip:ann@x>"
        second.reply(second.invite, "200 OK", body=describe(line))
        await second.expect("ACK")
        line.talk(second.invite.media, pitch=1330)
        while "200 OK" not in (told := await call.next()).body:
            if told.method == "NOTIFY" and not told.code:
                call.reply(told, "200 OK")
        call.reply(told, "200 OK")
        await call.hang_up()
        await until(lambda: heard(line.heard()[-1600:], 1330) == {1330})
        assert ours.outcome is None
        await line.listen(0.3)
        await second.hang_up()
    record = await bridge.record()
    assert record["outcome"]["cause"] == "callee-hung-up"
    (recording,) = record["recordings"]
    frames, _ = soundfile.read(recording["path"], dtype="int16")
    for channel in (0, 1):
        assert heard_in_turn(frames[:, channel].tobytes(), 1050, 1330) == [1050, 1330]


async def test_a_caller_who_refers_to_somebody_busy_is_told_and_stays(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        await until(lambda: ours.state is CallState.ANSWERED)
        call.send("REFER", f"Refer-To: <sip:ben@127.0.0.2:{PORT}>")
        await call.expect(202)
        second = await other.called()
        assert second.invite is not None
        second.reply(second.invite, "486 Busy Here")
        while "486" not in (told := await call.next()).body:
            if told.method == "NOTIFY" and not told.code:
                call.reply(told, "200 OK")
        call.reply(told, "200 OK")
        assert heard(await call.line.listen(0.3), 1050) == {1050}


def _tag(address: str) -> str:
    return address.partition(";tag=")[2]


async def test_an_invite_with_replaces_takes_the_place_of_a_call_that_is_up(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call, Line() as line:
        ours = await bridge.answered()
        await until(lambda: ours.state is CallState.ANSWERED)
        replaces = f"{call.id};to-tag={_tag(call.remote)};from-tag={_tag(call.local)}"
        second = await phone.invite(bridge.address, describe(line), f"Replaces: {replaces}")
        answer = await second.expect(200)
        second.ack()
        line.talk(answer.media, pitch=1330)
        await call.ended()
        await until(lambda: heard(line.heard()[-1600:], 1330) == {1330})
        assert list(bridge.service.calls) == [ours.id]
        # It is steered as the first one was.
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", {"digits": "5"})
        await until(lambda: any(packet.payload_type == 101 for packet in line.packets))
        await second.hang_up()
    await bridge.record()


async def test_an_invite_that_replaces_nothing_is_refused(bridge: Bridge, phone: Phone) -> None:
    async with Line() as line:
        replaces = "nobody;to-tag=1;from-tag=2"
        call = await phone.invite(bridge.address, describe(line), f"Replaces: {replaces}")
        assert (await call.final()).code == 481


# Onto another call of ours.


def _onto(call: SipCall, host: str = "127.0.0.1") -> str:
    """The address that a REFER names to have somebody take the place of this call (RFC 5589)."""
    return _named(f"{call.id};to-tag={_tag(call.remote)};from-tag={_tag(call.local)}", host)


def _named(replaces: str, host: str) -> str:
    return f"Refer-To: <sip:any@{host}?Replaces={quote(replaces, safe='')}>"


async def _told(call: SipCall, status: str) -> None:
    """Wait until a REFER has come to this end, by NOTIFY."""
    while status not in (told := await call.next()).body:
        if told.method == "NOTIFY" and not told.code:
            call.reply(told, "200 OK")
    call.reply(told, "200 OK")


async def _alive(bridge: Bridge, callee: str) -> Call:
    def found() -> list[Call]:
        calls = bridge.service.calls.values()
        return [c for c in calls if c.facts.callee == callee and c.state is CallState.ANSWERED]

    await until(lambda: bool(found()))
    return found()[0]


@pytest.mark.parametrize("asked_in", ["the first call", "the second call"])
async def test_who_is_in_two_calls_can_have_the_others_talk_to_each_other(
    bridge: Bridge, phone: Phone, other: Phone, asked_in: str
) -> None:
    """The caller was given to an operator, who asks another agent and gives the caller to that."""
    async with phone.call(bridge.address, user="silent", pitch=1050) as caller, Line() as line:
        first = await _alive(bridge, "silent")
        await bridge.post(f"/v1/calls/{first.id}/transfer", {"to": "ben", "mode": "bridged"})
        operator = await other.called()
        assert operator.invite is not None
        operator.reply(operator.invite, "200 OK", body=describe(line))
        await operator.expect("ACK")
        await until(lambda: bool(first.transfers.results))
        async with other.call(bridge.address, user="kept") as asking:
            second = await _alive(bridge, "kept")
            await until(lambda: second.recorder.recording)
            in_first = asked_in == "the first call"
            telling, onto = (operator, asking) if in_first else (asking, operator)
            telling.send("REFER", _onto(onto))
            await telling.expect(202)
            await _told(telling, "200 OK")
            await onto.ended()
            await telling.hang_up()
            await until(lambda: heard(caller.line.heard()[-1600:], 1050) == {1050})
            await until(lambda: list(bridge.service.calls) == [second.id])
            # The caller is steered where it is now.
            shown = await bridge.get(f"/v1/calls/{second.id}")
            assert [leg["name"] for leg in shown["legs"]] == ["caller"]
            await caller.line.listen(0.3)
            await bridge.post(f"/v1/calls/{second.id}/dtmf", {"digits": "5"})
            await until(lambda: any(packet.payload_type == 101 for packet in caller.line.packets))
        assert caller.bye is None
        await caller.hang_up()
    records = {record["id"]: record for record in [await bridge.record(), await bridge.record()]}
    assert records[first.id]["outcome"]["cause"] == "transferred"
    assert records[second.id]["outcome"]["cause"] == "callee-hung-up"
    (leg,) = records[second.id]["legs"]
    assert leg["sound"]["mos"] > 3
    (recording,) = records[second.id]["recordings"]
    frames, rate = soundfile.read(recording["path"], dtype="int16")
    last = frames[-rate // 4 :]
    assert heard(last[:, 0].tobytes(), 1050) == heard(last[:, 1].tobytes(), 1050) == {1050}


async def test_no_two_agents_are_joined_and_no_call_of_another_trunk(
    bridge: Bridge, phone: Phone
) -> None:
    async with (
        Phone(host="127.0.0.3") as stranger,
        phone.call(bridge.address, user="silent") as one,
        phone.call(bridge.address, user="echo") as two,
        stranger.call(bridge.address, user="silent") as three,
    ):
        await until(lambda: len(bridge.service.calls) == 3)
        answered = CallState.ANSWERED
        await until(lambda: all(c.state is answered for c in bridge.service.calls.values()))
        for asking, onto in ((one, two), (three, one)):
            asking.send("REFER", _onto(onto))
            await asking.expect(202)
            await _told(asking, "603")
        assert len(bridge.service.calls) == 3


async def test_nobody_is_joined_with_a_call_that_is_not_up(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent") as asking, Line() as line:
        ours = await bridge.answered()
        other = await phone.invite(bridge.address, describe(line), user="echo")
        await other.expect(200)  # and no ACK yet
        asking.send("REFER", _onto(other))
        await asking.expect(202)
        await _told(asking, "481")
        (failed,) = noted(ours, "transfer-failed")
        assert (failed["mode"], failed["code"]) == ("joined", 481)
        other.ack()
        assert asking.bye is None
        await other.hang_up()


@pytest.mark.parametrize("gone", ["a call that has ended", "a call that never was"])
async def test_whom_a_call_that_is_not_ours_any_more_belongs_to_is_asked(
    bridge: Bridge, phone: Phone, other: Phone, gone: str
) -> None:
    """It may be somebody else's: whoever the REFER names is called with its Replaces, and knows."""
    async with phone.call(bridge.address, user="silent", pitch=1050) as asking:
        ours = await bridge.answered()
        if gone == "a call that has ended":
            async with phone.call(bridge.address, user="echo") as ended:
                await _alive(bridge, "echo")
            onto = _onto(ended, f"127.0.0.2:{PORT}")
            await until(lambda: list(bridge.service.calls) == [ours.id])
        else:
            onto = _named("no-call;to-tag=a;from-tag=b", f"127.0.0.2:{PORT}")
        asking.send("REFER", onto)
        await asking.expect(202)
        refused = await other.refuse("481 Call/Transaction Does Not Exist")
        assert refused.invite is not None
        assert refused.invite["Replaces"]
        await _told(asking, "481")
        (failed,) = noted(ours, "transfer-failed")
        assert failed["mode"] == "asked"
        assert asking.bye is None


async def test_nobody_is_joined_with_themselves(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as asking:
        ours = await bridge.answered()
        asking.send("REFER", _onto(asking))
        await asking.expect(202)
        await _told(asking, "603")
        (failed,) = noted(ours, "transfer-failed")
        assert (failed["mode"], failed["code"]) == ("joined", 603)
        assert asking.bye is None
        await until(lambda: heard(asking.line.heard()[-1600:], 1050) == {1050})


async def test_nobody_is_joined_with_a_call_that_is_just_ending(
    bridge: Bridge, phone: Phone
) -> None:
    """Its dialog is known as long as its BYE has not been answered."""
    async with phone.call(bridge.address, user="silent") as asking, Line() as line:
        ours = await _alive(bridge, "silent")
        ending = await phone.invite(bridge.address, describe(line), user="echo")
        await ending.expect(200)
        ending.ack()
        theirs = await _alive(bridge, "echo")
        theirs._become(CallState.ENDING)
        asking.send("REFER", _onto(ending))
        await asking.expect(202)
        await _told(asking, "481")
        theirs._become(CallState.ANSWERED)
        (failed,) = noted(ours, "transfer-failed")
        assert (failed["mode"], failed["code"]) == ("joined", 481)
        await ending.hang_up()


async def test_who_comes_into_a_call_that_is_just_ending_is_taken_along(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    over = asyncio.Event()

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(TimeoutError):  # a test that fails is not to hang
                async with asyncio.timeout(5):
                    await over.wait()

    async with phone.call(bridge.address, user="silent") as caller, Line() as line:
        first = await _alive(bridge, "silent")
        await bridge.post(f"/v1/calls/{first.id}/transfer", {"to": "ben", "mode": "bridged"})
        operator = await other.answer(line)
        await until(lambda: bool(first.transfers.results))
        async with other.call(bridge.address, user="echo") as asking:
            second = await _alive(bridge, "echo")
            lingering = second.spawn(linger(), name="lingering")
            await asyncio.sleep(0)
            await bridge.post(f"/v1/calls/{second.id}/hangup")
            await until(lambda: bool(lingering.cancelling()))
            operator.send("REFER", _onto(asking))
            await operator.expect(202)
            await _told(operator, "200 OK")
            over.set()
            await caller.ended()
            await asking.ended()
        await operator.hang_up()
    records = {record["id"]: record for record in [await bridge.record(), await bridge.record()]}
    assert records[first.id]["outcome"]["cause"] == "transferred"
    assert records[second.id]["outcome"]["cause"] == "operator-hung-up"


async def test_nobody_is_joined_with_a_call_that_is_being_transferred(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with (
        phone.call(bridge.address, user="silent") as moving,
        phone.call(bridge.address, user="echo") as asking,
    ):
        first, _ = await _alive(bridge, "silent"), await _alive(bridge, "echo")
        await bridge.post(f"/v1/calls/{first.id}/transfer", {"to": "ben", "mode": "bridged"})
        ringing = await other.called()
        assert ringing.invite is not None
        for telling, onto in ((asking, moving), (moving, asking)):
            telling.send("REFER", _onto(onto))
            await telling.expect(202)
            await _told(telling, "491")
        ringing.reply(ringing.invite, "486 Busy Here")
        await ringing.expect("ACK")
        await until(lambda: not first.transfers.under_way)
        assert moving.bye is asking.bye is None


async def test_a_party_is_not_referred_onto_another_one_of_the_same_call(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with phone.call(bridge.address, user="silent", pitch=1050) as caller, Line() as line:
        first = await _alive(bridge, "silent")
        await bridge.post(f"/v1/calls/{first.id}/transfer", {"to": "ben", "mode": "bridged"})
        operator = await other.answer(line)
        await until(lambda: bool(first.transfers.results))
        caller.send("REFER", _onto(operator))
        await caller.expect(202)
        await _told(caller, "603")
        assert [each["mode"] for each in noted(first, "transfer-failed")] == ["joined"]
        await until(lambda: heard(line.heard()[-1600:], 1050) == {1050})
        assert caller.bye is operator.bye is None
