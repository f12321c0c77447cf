"""Calls handed over to somebody else: by REFER, by joined legs, with and without a word before."""

import asyncio
import contextlib
import importlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import pytest_asyncio
import soundfile

from bridge import transfer
from bridge.call import Call, CallState
from bridge.errors import NotNow
from bridge.transfer import TransferOrder
from deploy.ports import free_port
from tests.support.caller import Message, Phone, SipCall, describe
from tests.support.line import Line
from tests.support.pitch import heard, heard_in_turn
from tests.support.service import Bridge
from tests.support.waiting import until
from tests.support.wavs import write_wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
AGENTS = ("silent", "echo", "talker", "receptionist")
CHANGES: dict[str, Any] = {
    "trunks": {
        "pbx": {"address": f"sip:127.0.0.2:{PORT}", "number_format": "plus", "country": "US"}
    },
    "recordings": {"folder": "kept"},
    "agents": {
        "kept": {"agent_id": "echo", "recording": {"auto": True}},
        "introducer": {
            "call": {
                "systemPrompt": "say: One moment.\ntool: transfer "
                '{"destination": "Sales", "summary": "Ann asks about her bill. Press 1."}',
                "metadata": {"standin.agent": "receptionist"},
            },
            "tools": ["transfer"],
            "transfer": {
                "destinations": {"sales": "+15550177"},
                "mode": "warm",
                "headers": {
                    "X-Caller": "{caller}",
                    "User-to-User": "{header:User-to-User}",
                    "Diversion": "{header:Diversion}",
                },
            },
        },
        "forwarder": {
            "call": {
                "systemPrompt": 'say: One moment.\ntool: transfer {"destination": "Sales"}',
                "metadata": {"standin.agent": "receptionist"},
            },
            "tools": ["transfer"],
            "transfer": {
                "destinations": {"sales": "+15550177"},
                "mode": "bridged",
                "timeout_s": 2,
            },
        },
    },
    "routes": [
        {"to": name, "agent": name} for name in (*AGENTS, "forwarder", "introducer", "kept")
    ],
}
MUSIC, NOTICE, TONE = 700, 880, 440
AGENT = 140


@pytest_asyncio.fixture(loop_scope="module")
async def operator() -> AsyncIterator[Phone]:
    """The telephone that calls are transferred to."""
    async with Phone(port=PORT) as phone:
        yield phone


@pytest.fixture
def music(tmp_path: Path) -> str:
    return str(write_wav(tmp_path / "music.wav", MUSIC, seconds=0.5, rate=44100))


@pytest.fixture
def notice(tmp_path: Path) -> str:
    return str(write_wav(tmp_path / "notice.wav", NOTICE, seconds=0.3, rate=16000))


@contextlib.asynccontextmanager
async def up(
    phone: Phone, bridge: Bridge, user: str = "silent"
) -> AsyncIterator[tuple[SipCall, Call]]:
    """A call that is up, its caller at 1050 Hz."""
    async with phone.call(bridge.address, user=user, pitch=1050) as call:
        ours = await bridge.answered()
        await until(lambda: ours.state is CallState.ANSWERED)
        await call.line.listen(0.1)
        yield call, ours


async def order(bridge: Bridge, ours: Call, **body: Any) -> None:
    await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "+15550177", **body})


@contextlib.asynccontextmanager
async def picked_up(operator: Phone) -> AsyncIterator[SipCall]:
    """Whom the call went to has answered, and talks at 1330 Hz."""
    async with Line() as line:
        call = await operator.called()
        assert call.invite is not None
        call.line = line
        call.reply(call.invite, "200 OK", body=describe(line))
        await call.expect("ACK")
        line.talk(call.invite.media, pitch=1330)
        yield call


async def referred(call: SipCall, status: str = "202 Accepted") -> Message:
    """The REFER that comes, answered."""
    request = await call.expect("REFER")
    call.reply(request, status)
    return request


def notify(call: SipCall, status: str, state: str = "active;expires=60") -> None:
    """Tell how far the transfer has come (RFC 3515 section 2.4.4)."""
    headers = ("Event: refer", f"Subscription-State: {state}")
    call.send("NOTIFY", *headers, body=f"SIP/2.0 {status}\r\n", kind="message/sipfrag;version=2.0")


def finish(call: SipCall, status: str) -> None:
    notify(call, status, "terminated;reason=noresource")


async def told(bridge: Bridge, text: str) -> None:
    """The agent has been told something."""
    agent = await bridge.agent()
    await until(lambda: any(text in each for each in agent.received))


def kinds(ours: Call) -> list[str]:
    return [event.kind for event in ours.chronicle._events if event.kind.startswith("transfer")]


# Blind.


async def test_a_blind_transfer_ends_our_call_when_the_other_has_been_answered(
    bridge: Bridge, phone: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours, headers={"X-Ticket": "42"})
        request = await referred(call)
        assert "+15550177@" in request["Refer-To"]
        assert request["X-Ticket"] == "42"
        notify(call, "100 Trying")
        await call.expect(200)
        notify(call, "180 Ringing")
        await call.expect(200)
        assert call.bye is None
        finish(call, "200 OK")
        await call.ended()
    record = await bridge.record()
    assert (record["outcome"]["result"], record["outcome"]["cause"]) == ("success", "transferred")
    assert record["transfers"] == [
        {"to": "+15550177", "mode": "blind", "code": 200, "reason": "OK", "done": True}
    ]
    assert kinds(ours)[0] == "transferring"
    assert kinds(ours)[-1] == "transferred"


async def test_a_blind_transfer_to_someone_busy_is_told_to_the_agent_and_the_caller_stays(
    bridge: Bridge, phone: Phone
) -> None:
    async with up(phone, bridge, "echo") as (call, ours):
        await order(bridge, ours)
        await referred(call)
        notify(call, "100 Trying")
        await call.expect(200)
        finish(call, "486 Busy Here")
        await call.expect(200)
        await told(bridge, "has failed: Busy Here")
        assert heard(await call.line.listen(0.3), 1050) == {1050}
        # And it can be tried again.
        await order(bridge, ours, fallback=False)
        await referred(call, "405 Method Not Allowed")
        await told(bridge, "has failed: Method Not Allowed")
    record = await bridge.record()
    assert record["outcome"]["cause"] == "caller-hung-up"
    assert [each["code"] for each in record["transfers"]] == [486, 405]


async def test_a_party_that_hangs_up_while_it_transfers_itself_has_been_transferred(
    bridge: Bridge, phone: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours)
        await referred(call)
        notify(call, "100 Trying")
        await call.expect(200)
        await until(lambda: "transfer-progress" in kinds(ours))
        await call.hang_up()
    assert (await bridge.record())["outcome"]["cause"] == "transferred"


async def test_where_refer_is_refused_the_legs_are_joined_here(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours)
        await referred(call, "501 Not Implemented")
        async with picked_up(operator) as other:
            await other.line.speech()
            assert heard(await other.line.listen(0.3), 1050, 1330) == {1050}
            assert heard(await call.line.listen(0.3), 1050, 1330) == {1330}
            await other.hang_up()
            await call.ended()
    record = await bridge.record()
    assert record["transfers"][0]["mode"] == "bridged"
    assert "transfer-fallback" in kinds(ours)


# Bridged.


async def test_a_bridged_transfer_joins_the_legs_and_lets_the_agent_go(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        agent = await bridge.agent()
        body = {"mode": "bridged", "caller_id": "+15550111", "headers": {"User-to-User": "00ab"}}
        await order(bridge, ours, **body)
        agent.deliver = None  # it has no more to say
        async with picked_up(operator) as other:
            assert other.invite is not None
            assert "+15550111@" in other.invite["From"]
            assert other.invite["User-to-User"] == "00ab"
            await until(lambda: agent.ended is not None)
            await until(lambda: heard(other.line.heard()[-3200:], 1050) == {1050})
            await until(lambda: heard(call.line.heard()[-3200:], 1330) == {1330})
            assert call.bye is None
            await call.hang_up()
            await other.ended()
    record = await bridge.record()
    assert record["outcome"]["cause"] == "caller-hung-up"
    assert record["transfers"][0]["done"]


async def test_an_agent_may_stay_and_listen_to_both(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge, "echo") as (call, ours):
        agent = await bridge.agent()
        await order(bridge, ours, mode="bridged", agent="listen")
        async with picked_up(operator) as other:
            await told(bridge, "as a listener")
            await other.line.listen(0.5)
            # The agent repeats what it hears, and nobody hears that.
            assert heard(await other.line.listen(0.5), 1050, 1330) == {1050}
            assert heard(await call.line.listen(0.5), 1050, 1330) == {1330}
            assert agent.ended is None
            assert len(ours.patchbay.sources(ours.talk)) == 2
            await call.hang_up()
            await other.ended()
    assert agent.audio.overflows == agent.audio.underflows == 0


async def test_a_recording_goes_on_with_whomever_the_caller_hears(
    bridge: Bridge, phone: Phone, operator: Phone, music: str
) -> None:
    """First the agent, who repeats what it hears, then music, then the operator."""
    async with up(phone, bridge, "kept") as (call, ours):
        await until(lambda: heard(call.line.heard()[-1600:], 1050) == {1050})
        await order(bridge, ours, mode="bridged", music=music)
        await until(lambda: heard(call.line.heard()[-1600:], MUSIC) == {MUSIC})
        await call.line.listen(0.3)
        async with picked_up(operator) as other:
            await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
            await call.line.listen(0.5)
            await other.hang_up()
            await call.ended()
    record = await bridge.record()
    (recording,) = record["recordings"]
    frames, rate = soundfile.read(recording["path"], dtype="int16")
    left, right = frames[:, 0], frames[:, 1]
    assert heard(left[rate // 2 :].tobytes(), 1050, 1330, MUSIC) == {1050}
    assert heard_in_turn(right.tobytes(), 1050, 1330, MUSIC) == [1050, MUSIC, 1330]
    answered, ended = record["timings"]["answered"], record["timings"]["ended"]
    assert recording["duration_s"] == pytest.approx(ended - answered, abs=0.3)


@pytest.mark.parametrize("answer", ["486 Busy Here: busy", "603 Decline: declined", ": no-answer"])
async def test_a_bridged_transfer_that_nobody_takes_leaves_the_caller_with_the_agent(
    bridge: Bridge, phone: Phone, operator: Phone, answer: str, music: str
) -> None:
    status, _, why = answer.partition(": ")
    async with up(phone, bridge, "echo") as (call, ours):
        await order(bridge, ours, mode="bridged", timeout_s=1.5, music=music)
        other = await operator.called()
        assert other.invite is not None
        other.reply(other.invite, "180 Ringing")
        await until(lambda: heard(call.line.heard()[-1600:], MUSIC) == {MUSIC})
        if status:
            other.reply(other.invite, status)
        else:
            cancel = await other.expect("CANCEL")
            other.reply(cancel, "200 OK")
            other.reply(other.invite, "487 Request Terminated")
        await told(bridge, f"has failed: {why}")
        await call.line.listen(0.2)
        assert heard(await call.line.listen(0.3), 1050, MUSIC) == {1050}
        await until(lambda: bridge.ports_in_use == 1)


async def test_a_caller_who_hangs_up_while_it_rings_there_stops_the_ringing(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours, mode="bridged")
        other = await operator.called()
        assert other.invite is not None
        other.reply(other.invite, "180 Ringing")
        await call.hang_up()
        cancel = await other.expect("CANCEL")
        other.reply(cancel, "200 OK")
        other.reply(other.invite, "487 Request Terminated")


# Warm.


def press(call: SipCall, key: str) -> None:
    body = f"Signal={key}\r\nDuration=100\r\n"
    call.send("INFO", body=body, kind="application/dtmf-relay")


async def test_a_warm_transfer_announces_the_caller_who_hears_music_and_joins_them_at_the_key(
    bridge: Bridge, phone: Phone, operator: Phone, music: str, notice: str
) -> None:
    async with up(phone, bridge) as (call, ours):
        agent = await bridge.agent()
        await order(bridge, ours, mode="warm", music=music, announcement=notice)
        async with picked_up(operator) as other:
            await other.line.speech()
            assert heard(await other.line.listen(0.2), NOTICE, 1050) == {NOTICE}
            assert heard(await call.line.listen(0.3), MUSIC, 1330) == {MUSIC}
            assert agent.audio.overflows == agent.audio.underflows == 0
            press(other, "1")
            await until(lambda: heard(other.line.heard()[-1600:], 1050) == {1050})
            await until(lambda: heard(call.line.heard()[-1600:], 1330, MUSIC) == {1330})
            await other.hang_up()
            await call.ended()
    record = await bridge.record()
    assert record["transfers"][0]["done"]
    assert record["outcome"]["cause"] == "callee-hung-up"


async def test_the_agent_speaks_its_summary_to_whom_it_calls_and_not_to_the_caller(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge, "receptionist") as (call, ours):
        agent = await bridge.agent()
        await call.line.speech()
        await order(bridge, ours, mode="warm", summary="Ann asks about her bill.", accept_key="")
        async with picked_up(operator) as other:
            await other.line.speech()
            said = json.loads(next(t for t in agent.received if "forced_agent_message" in t))
            assert said["content"] == "Ann asks about her bill."
            await call.line.listen(0.1)
            assert heard(await call.line.listen(0.2), AGENT) == set()
            # Without a key the caller is joined once all was said.
            await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
            await call.hang_up()
            await other.ended()


async def test_a_caller_who_waits_without_music_hears_that_something_goes_on(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours, mode="warm", accept_key="")
        ringing = await operator.called()
        assert ringing.invite is not None
        ringing.reply(ringing.invite, "180 Ringing")
        await until(lambda: heard(call.line.heard()[-1600:], TONE) == {TONE})
        assert not ours.patchbay.hears(ours.talk, ours.current)
        ringing.reply(ringing.invite, "486 Busy Here")
        await ringing.expect("ACK")
        await told(bridge, "busy")
        await call.line.listen(0.1)
        assert not heard(await call.line.listen(2.2), TONE)


@pytest.mark.parametrize("refusal", ["key", "silence", "hang-up"])
async def test_a_warm_transfer_that_is_not_accepted_gives_the_caller_back_to_the_agent(
    bridge: Bridge, phone: Phone, operator: Phone, music: str, refusal: str
) -> None:
    body = {"mode": "warm", "music": music, "accept_timeout_s": 0.3}
    async with up(phone, bridge, "echo") as (call, ours):
        agent = await bridge.agent()
        await order(bridge, ours, **body)
        async with picked_up(operator) as other:
            if refusal == "key":
                press(other, "2")
            if refusal == "hang-up":
                await other.hang_up()
                why = "hung up"
            else:
                await other.ended()
                why = "not accepted"
            await told(bridge, why)
        await call.line.listen(0.2)
        assert heard(await call.line.listen(0.3), 1050, MUSIC) == {1050}
        assert agent.audio.overflows == agent.audio.underflows == 0
        await until(lambda: bridge.ports_in_use == 1)


# Attended.


async def test_an_attended_transfer_puts_the_accepted_call_in_our_place(
    bridge: Bridge, phone: Phone, operator: Phone, music: str
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours, mode="attended", music=music, headers={"X-Ticket": "42"})
        async with picked_up(operator) as other:
            assert other.invite is not None
            assert other.invite["X-Ticket"] == "42"
            press(other, "1")
            request = await referred(call)
            assert request["X-Ticket"] == "42"
            assert "Replaces=" in request["Refer-To"]
            assert other.id.replace("@", "%40") in request["Refer-To"]
            finish(call, "200 OK")
            await call.ended()
            await other.ended()
    record = await bridge.record()
    assert record["outcome"]["cause"] == "transferred"
    assert record["transfers"][0]["mode"] == "attended"


async def test_an_attended_transfer_that_is_refused_joins_the_legs_here(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours, mode="attended")
        async with picked_up(operator) as other:
            press(other, "1")
            await referred(call, "403 Forbidden")
            await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
            await call.hang_up()
            await other.ended()
    assert "transfer-fallback" in kinds(ours)


@pytest.mark.parametrize("refused", ["at once: Forbidden", "in the end: Busy Here", "nobody: busy"])
async def test_an_attended_transfer_that_fails_gives_the_caller_back_to_the_agent_who_is_told_why(
    bridge: Bridge, phone: Phone, operator: Phone, refused: str
) -> None:
    when, _, why = refused.partition(": ")
    async with up(phone, bridge, "echo") as (call, ours):
        await order(bridge, ours, mode="attended", fallback=False)
        if when == "nobody":
            await operator.refuse("486 Busy Here")
        else:
            async with picked_up(operator) as other:
                press(other, "1")
                await referred(call, "403 Forbidden" if when == "at once" else "202 Accepted")
                if when == "in the end":
                    finish(call, "486 Busy Here")
                await other.ended()
        await told(bridge, f"has failed: {why}")
        await call.line.listen(0.2)
        assert heard(await call.line.listen(0.3), 1050) == {1050}
        await until(lambda: bridge.ports_in_use == 1)
    (result,) = (await bridge.record())["transfers"]
    assert (result["mode"], result["done"]) == ("attended", False)


async def test_a_caller_is_sent_away_when_the_agents_last_words_have_had_their_time(
    bridge: Bridge, phone: Phone
) -> None:
    """Here it has said more than is waited for."""
    module = importlib.import_module("bridge.transfer.transfer")
    clock = asyncio.get_running_loop().time
    async with phone.call(bridge.address, user="talker") as call:
        ours = await bridge.answered()
        await until(lambda: ours.first.stream.depth > 2)
        with mock.patch.object(module, "LAST_WORDS_S", 1.0):
            ordered = clock()
            await order(bridge, ours)
            await referred(call)
        assert clock() - ordered >= 1.0
        finish(call, "200 OK")
        await call.ended()


# By the agent's own wish.


async def test_an_agent_transfers_by_its_tool_as_its_configuration_says(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge, "forwarder") as (call, _):
        agent = await bridge.agent()
        async with picked_up(operator) as other:
            assert other.invite is not None
            assert other.invite.start.startswith("INVITE sip:+15550177@")
            await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
            result = json.loads(next(t for t in agent.received if "client_tool_result" in t))
            assert "being transferred to sales" in result["result"]
            await call.hang_up()
            await other.ended()


async def test_an_agent_says_itself_what_whom_it_transfers_to_is_told_of_the_caller(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    headers = ("User-to-User: 00ab;encoding=hex",)
    async with phone.call(bridge.address, *headers, user="introducer", pitch=1050) as call:
        agent = await bridge.agent()
        (tool,) = (each["temporaryTool"] for each in agent.body["selectedTools"])
        told_of = tool["dynamicParameters"][1]["schema"]["description"]
        assert "press 1 to take the call" in told_of
        async with picked_up(operator) as other:
            assert other.invite is not None
            assert other.invite["X-Caller"] == "ann"
            assert other.invite["User-to-User"] == "00ab;encoding=hex"
            assert "Diversion" not in dict(other.invite.headers)
            await other.line.speech()
            said = json.loads(next(t for t in agent.received if "forced_agent_message" in t))
            assert said["content"] == "Ann asks about her bill. Press 1."
            press(other, "1")
            await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
            await call.hang_up()
            await other.ended()


async def test_an_agent_whose_transfer_fails_is_told_and_has_the_caller_back(
    bridge: Bridge, phone: Phone, operator: Phone
) -> None:
    async with up(phone, bridge, "forwarder") as (call, _):
        other = await operator.called()
        assert other.invite is not None
        other.reply(other.invite, "486 Busy Here")
        await told(bridge, "transfer to sales has failed: busy")
        assert call.bye is None


# Numbers.


@pytest.mark.parametrize("mode", ["blind", "bridged"])
async def test_a_number_is_written_as_the_trunk_wants_it(
    bridge: Bridge, phone: Phone, operator: Phone, mode: str
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours, to="(212) 555-0177", mode=mode)
        if mode == "blind":
            assert "sip:+12125550177@" in (await referred(call))["Refer-To"]
            finish(call, "200 OK")
            await call.ended()
        else:
            async with picked_up(operator) as other:
                assert other.invite is not None
                assert other.invite.start.startswith("INVITE sip:+12125550177@")
                await call.hang_up()
                await other.ended()


async def test_what_is_no_number_is_told_to_the_agent(bridge: Bridge, phone: Phone) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours, to="call home")
        await told(bridge, "call home is not a telephone number")
        assert call.bye is None


# What cannot be.


async def test_a_call_is_transferred_once_at_a_time_and_only_when_it_is_up(
    bridge: Bridge, phone: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await order(bridge, ours)
        await call.expect("REFER")
        path = f"/v1/calls/{ours.id}/transfer"
        async with bridge.api.post(path, json={"to": "+15550177"}) as response:
            assert response.status == 409
            assert "already" in (await response.json())["message"]
        for body, word in (
            ({}, "to"),
            ({"to": "1", "mode": "sideways"}, "mode"),
            ({"to": "1", "accept_key": "12"}, "accept_key"),
            ({"to": "sip:1@h;x>\r\nX-Foo: 1\r\nX-Bar: <sip:x"}, "address"),
            ({"to": "sip:1@h?Route=%3Csip:x%3E"}, "headers"),
            ({"to": "sip:"}, "nobody"),
            ({"to": "1", "headers": {"Route": "<sip:x>"}}, "Route"),
            ({"to": "1", "headers": {"X-Foo": "1\r\nX-Bar: 2"}}, "X-Foo"),
            ({"to": "1", "headers": {"X-Foo: 1\r\nVia": "2"}}, "X-Foo"),
            ({"to": "1", "caller_id": "1\r\n2"}, "caller_id"),
        ):
            async with bridge.api.post(path, json=body) as response:
                assert response.status == 400
                assert word in (await response.json())["message"]


async def test_of_two_transfers_that_are_ordered_at_once_one_is_refused_and_the_call_goes_on(
    bridge: Bridge, phone: Phone, operator: Phone, music: str
) -> None:
    async with up(phone, bridge) as (call, ours):
        orders = [TransferOrder(to="+15550177", mode="bridged", music=Path(music))] * 2
        begun = [asyncio.ensure_future(transfer.begin(ours, each)) for each in orders]
        fates = await asyncio.gather(*begun, return_exceptions=True)
        assert [type(each) for each in fates] == [type(None), NotNow]
        async with picked_up(operator) as other:
            await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
            await call.hang_up()
            await other.ended()
    assert kinds(ours) == ["transferring", "transferred"]


async def test_a_file_that_cannot_be_played_is_refused_before_anything_happens(
    bridge: Bridge, phone: Phone, tmp_path: Path
) -> None:
    async with up(phone, bridge) as (_, ours):
        path = f"/v1/calls/{ours.id}/transfer"
        body = {"to": "1", "mode": "warm", "music": str(tmp_path / "none.wav")}
        async with bridge.api.post(path, json=body) as response:
            assert response.status == 400
            assert "none.wav" in (await response.json())["message"]
        assert not kinds(ours)
        assert not ours.transfers.under_way
