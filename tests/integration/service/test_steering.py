"""What an operator or the agent does to a call that is up: digits, messages, hold."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rtp.tones import ToneReceiver
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge, noted, offer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


RELAY = "application/dtmf-relay"


def keys(digits: str) -> dict[str, Any]:
    """An agent that greets and presses keys."""
    return {
        "call": {
            "systemPrompt": f'say: Hello.\ntool: send_dtmf {{"digits": "{digits}"}}',
            "metadata": {"standin.agent": "receptionist"},
        },
        "tools": ["send_dtmf"],
    }


MUSIC = 261.6
MUSIC_FILE = str(Path(__file__).parents[3] / "examples/transfer/music.wav")

CHANGES: dict[str, Any] = {
    "agents": {
        "dialler": keys("42#"),
        "misdialler": keys("call home"),
        "musical": {"agent_id": "echo", "hold_music": MUSIC_FILE},
        "discreet": {"agent_id": "silent", "dtmf": {"hide": True, "pause_ms": 0}},
    },
    "routes": [
        {"to": name, "agent": name}
        for name in ("dialler", "misdialler", "musical", "discreet", "silent", "echo", "slow")
    ],
}


@contextlib.asynccontextmanager
async def without_events(
    phone: Phone, bridge: Bridge, *headers: str, user: str = "silent"
) -> AsyncIterator[SipCall]:
    """An answered call that has no telephone-event."""
    async with Line() as line:
        sdp = describe(line, formats="0")
        call = await phone.invite(bridge.address, sdp, *headers, user=user)
        call.line = line
        answer = await call.expect(200)
        call.ack()
        line.talk(answer.media)
        yield call
        await call.hang_up()


async def test_digits_of_the_api_reach_the_other_party(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        ours = await bridge.answered()
        await call.line.listen(0.1)
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", {"digits": "159w*"})
        await until(lambda: call.line.digits() == "159*")
    assert noted(ours, "digits-sent") == [{"count": 5, "digits": "159W*"}]


async def test_digits_of_the_agents_tool_reach_the_other_party(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="dialler") as call:
        agent = await bridge.agent()
        await until(lambda: call.line.digits() == "42#")
        result = json.loads(next(t for t in agent.received if "client_tool_result" in t))
    assert result["agentReaction"] == "listens"
    assert "errorType" not in result


async def test_a_tool_that_asks_for_what_is_no_digit_is_told_so(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="misdialler") as call:
        agent = await bridge.agent()
        await until(lambda: any("client_tool_result" in text for text in agent.received))
        result = json.loads(next(t for t in agent.received if "client_tool_result" in t))
        assert not call.line.digits()
    assert "errorType" not in result
    assert "0-9" in result["result"]


async def test_a_party_without_telephone_event_hears_tones(bridge: Bridge, phone: Phone) -> None:
    async with without_events(phone, bridge) as call:
        ours = await bridge.answered()
        await call.line.listen(0.1)
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", {"digits": "73"})
        await until(lambda: ToneReceiver(8000).hear(call.line.heard()) == "73")


async def test_a_party_that_allows_info_gets_info(bridge: Bridge, phone: Phone) -> None:
    allow = "Allow: INVITE, ACK, BYE, INFO"
    async with without_events(phone, bridge, allow) as call:
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", {"digits": "7#"})
        for digit in "7#":
            info = await call.expect("INFO")
            assert info["Content-Type"] == "application/dtmf-relay"
            assert info.body.split() == [f"Signal={digit}", "Duration=100"]
            call.reply(info, "200 OK")
        order = {"digits": "5", "duration_ms": 250, "pause_ms": 400}
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", order)
        info = await call.expect("INFO")
        assert info.body.split() == ["Signal=5", "Duration=250"]
        call.reply(info, "200 OK")


async def test_hidden_digits_are_only_counted(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="discreet") as call:
        ours, agent = await bridge.answered(), await bridge.agent()
        call.send("INFO", body="Signal=5\r\nDuration=160\r\n", kind=RELAY)
        await until(lambda: any("pressed 5 " in text for text in agent.received))
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", {"digits": "12"})
        await bridge.post(f"/v1/calls/{ours.id}/message", {"text": "Still there?"})
        await until(lambda: any("Still there" in text for text in agent.received))
    assert noted(ours, "digits") == [{"count": 1}]
    assert noted(ours, "digits-sent") == [{"count": 2}]
    assert not noted(ours, "transcript")
    assert (await bridge.record())["transcript"] == []


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("dtmf", {"digits": "12x"}, "digits"),
        ("dtmf", {"digits": ""}, "digits"),
        ("dtmf", {"digits": 5}, "digits"),
        ("dtmf", {}, "digits"),
        ("dtmf", {"digits": "1", "duration_ms": 5000}, "1000 ms"),
        ("dtmf", {"digits": "1", "pause_ms": 0}, "pause"),
        ("message", {"text": ""}, "text"),
        ("message", {"text": "x", "urgency": "now"}, "urgency"),
        ("message", {"text": "x", "loud": True}, "loud"),
    ],
)
async def test_a_body_that_cannot_be_used_is_refused(
    bridge: Bridge, phone: Phone, path: str, body: dict[str, Any], word: str
) -> None:
    async with phone.call(bridge.address, user="silent"):
        ours = await bridge.answered()
        async with bridge.api.post(f"/v1/calls/{ours.id}/{path}", json=body) as response:
            assert response.status == 400
            answer = await response.json()
    assert answer["error"] == "bad-request"
    assert word in answer["message"]
    assert "12x" not in answer["message"]


async def test_a_call_that_nobody_has_answered_cannot_be_steered(
    bridge: Bridge, phone: Phone
) -> None:
    call = await offer(phone, bridge, user="slow")
    ours = await bridge.call()
    orders = {"dtmf": {"digits": "1"}, "message": {"text": "x"}, "hold": None, "resume": None}
    for order, body in orders.items():
        async with bridge.api.post(f"/v1/calls/{ours.id}/{order}", json=body) as response:
            assert response.status == 409
            assert (await response.json())["error"] == "not-now"
        async with bridge.api.post(f"/v1/calls/c-0/{order}", json=body) as response:
            assert response.status == 404
    call.cancel()
    assert (await call.final()).code == 487


async def test_a_party_whose_hold_is_unanswered_cannot_be_taken_back_yet(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo") as call:
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/hold")
        offered = await call.expect("INVITE")
        async with bridge.api.post(f"/v1/calls/{ours.id}/resume") as response:
            assert response.status == 409
            assert "waits for its answer" in (await response.json())["message"]
        sdp = describe(call.line, direction="recvonly", version=2)
        call.reply(offered, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        await bridge.post(f"/v1/calls/{ours.id}/resume")
        again = await call.expect("INVITE")
        sdp = describe(call.line, version=3)
        call.reply(again, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")


async def test_a_party_that_would_not_be_taken_back_can_be_asked_again(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/hold")
        offered = await call.expect("INVITE")
        sdp = describe(call.line, direction="recvonly", version=2)
        call.reply(offered, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        await bridge.post(f"/v1/calls/{ours.id}/resume")
        call.reply(await call.expect("INVITE"), "500 Server Internal Error")
        await call.expect("ACK")
        assert (await bridge.get(f"/v1/calls/{ours.id}"))["held"] is True
        await bridge.post(f"/v1/calls/{ours.id}/resume")
        again = await call.expect("INVITE")
        assert "a=sendrecv" in again.body
        sdp = describe(call.line, version=3)
        call.reply(again, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        await call.line.speech(asyncio.get_running_loop().time())
        await bridge.post(f"/v1/calls/{ours.id}/resume")  # there is nothing left to ask for
        await call.line.listen(0.2)
        assert call.inbox.empty()


async def test_a_message_of_the_operator_reaches_the_agent(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent"):
        ours, agent = await bridge.answered(), await bridge.agent()
        body = {"text": "The order has been found.", "urgency": "later"}
        await bridge.post(f"/v1/calls/{ours.id}/message", body)
        await until(lambda: any("order has been found" in text for text in agent.received))
        message = json.loads(next(t for t in agent.received if "order has been" in t))
    assert message == {"type": "user_text_message", **body}


async def test_a_call_that_we_hold_is_silent_both_ways_until_we_resume(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        await call.line.speech()
        await bridge.post(f"/v1/calls/{ours.id}/hold")
        offered = await call.expect("INVITE")
        assert "a=sendonly" in offered.body
        call.reply(
            offered,
            "200 OK",
            "Content-Type: application/sdp",
            body=describe(call.line, direction="recvonly", version=2),
        )
        await call.expect("ACK")
        assert (await bridge.get(f"/v1/calls/{ours.id}"))["held"] is True
        packets = len(call.line.packets)
        await asyncio.sleep(0.3)
        assert len(call.line.packets) == packets
        await bridge.post(f"/v1/calls/{ours.id}/resume")
        again = await call.expect("INVITE")
        assert "a=sendrecv" in again.body
        call.reply(
            again,
            "200 OK",
            "Content-Type: application/sdp",
            body=describe(call.line, version=3),
        )
        await call.expect("ACK")
        since = asyncio.get_running_loop().time()
        await call.line.speech(since)
        assert heard(await call.line.listen(0.3), 1050) == {1050}
    kinds = [event.kind for event in ours.chronicle._events]
    assert kinds.count("held") == kinds.count("resumed") == 1


async def test_a_party_that_is_held_hears_its_agents_music(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="musical", pitch=1050) as call:
        ours, agent = await bridge.answered(), await bridge.agent()
        await call.line.speech()
        await bridge.post(f"/v1/calls/{ours.id}/hold")
        offered = await call.expect("INVITE")
        assert "a=sendonly" in offered.body
        sdp = describe(call.line, direction="recvonly", version=2)
        call.reply(offered, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        await until(lambda: heard(call.line.heard()[-3200:], MUSIC, 1050) == {MUSIC})
        await bridge.post(f"/v1/calls/{ours.id}/resume")
        again = await call.expect("INVITE")
        sdp = describe(call.line, version=3)
        call.reply(again, "200 OK", "Content-Type: application/sdp", body=sdp)
        await call.expect("ACK")
        await until(lambda: heard(call.line.heard()[-3200:], MUSIC, 1050) == {1050})
    assert agent.audio.overflows == agent.audio.underflows == 0


async def test_no_log_tells_which_digits_were_pressed_or_sent(
    bridge: Bridge, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("bridge", "sip", "rtp"):
        caplog.set_level(logging.DEBUG, name)
    async with phone.call(bridge.address, user="dialler") as call:
        await bridge.answered()
        agent = await bridge.agent()
        await until(lambda: call.line.digits() == "42#")
        for digit in "9*7":  # no part of a timestamp or an id
            call.send("INFO", body=f"Signal={digit}\r\nDuration=160\r\n", kind=RELAY)
            await call.expect(200)
        await until(lambda: any("9*7" in text for text in agent.received))
    told = [record.getMessage() for record in caplog.records if "standin" not in record.name]
    assert any("UserTextMessage" in line for line in told)
    assert any("ClientToolInvocation" in line for line in told)
    assert not [line for line in told if "42#" in line or "9*7" in line]
