"""Calls that the service places: from the order to the outcome."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import unquote

import pytest
import pytest_asyncio

from bridge.ultravox.standin.call import StandinCall
from bridge.ultravox.strays import MARK
from deploy.ports import free_port
from tests.support.caller import Message, Phone, SipCall, describe
from tests.support.line import Line
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
AWAY = {"hosts": ["127.0.0.8"]}
CHANGES = {
    "trunks": {
        "pbx": {"address": f"sip:127.0.0.2:{PORT}", "caller_id": "+442079460000"},
        "quick": {**AWAY, "address": f"sip:127.0.0.2:{PORT}", "ring_timeout_s": 0.4},
        "dead": {**AWAY, "address": "sip:127.0.0.2:5971", "ring_timeout_s": 0.4},
        "refusing": {**AWAY, "address": "sip:127.0.0.2:5972;transport=tcp"},
    },
    "agents": {
        "reminder": {
            "agent_id": "talker",
            "variables": {"who": "{var:name}", "number": "{callee}"},
            "metadata": {"by": "{trunk}", "from": "{caller}"},
        }
    },
}


@pytest_asyncio.fixture(loop_scope="module")
async def callee() -> AsyncIterator[Phone]:
    async with Phone(port=PORT) as phone:
        yield phone


async def place(bridge: Bridge, agent: str = "silent", **order: Any) -> str:
    """Order a call and return its id."""
    body = {"to": "+15550100", "agent": agent, "trunk": "pbx", **order}
    call_id: str = (await bridge.post("/v1/calls", body))["id"]
    return call_id


async def answer(call: SipCall, line: Line) -> Message:
    """Answer 200 and wait for the ACK, which is returned."""
    assert call.invite is not None
    call.reply(call.invite, "200 OK", body=describe(line))
    return await call.expect("ACK")


async def test_the_agent_is_made_while_it_rings_and_speaks_to_who_answered_from_the_first_word(
    bridge: Bridge, callee: Phone
) -> None:
    call_id = await place(bridge, "talker")
    async with Line() as line:
        call = await callee.called()
        assert call.invite is not None
        assert call.invite.start.startswith(f"INVITE sip:+15550100@127.0.0.2:{PORT}")
        assert "<sip:+442079460000@" in call.invite["From"]
        call.reply(call.invite, "180 Ringing")
        await until(lambda: len(bridge.standin.calls) == 1)
        agent = next(iter(bridge.standin.calls.values()))
        ours = await bridge.call()
        await until(lambda: {"ringing", "agent-created"} <= ours.chronicle.timings.keys())
        await asyncio.sleep(0.3)
        assert agent.joined is None
        line.talk(call.invite.media)
        await answer(call, line)
        acknowledged = asyncio.get_running_loop().time()
        first = await line.speech()
        await line.listen(0.5)
        # The first word is a quarter of a second of sound, and is heard whole.
        spoken = [p.speech for p in line.packets[line.packets.index(first) :]]
        assert 200 <= spoken.index(False) * line.ptime <= 280
        assert not any(p.speech for p in line.packets if p.at < acknowledged - 0.05)
        await call.hang_up()
    record = await bridge.record()
    assert (record["id"], record["direction"]) == (call_id, "outbound")
    assert (record["outcome"]["result"], record["outcome"]["cause"]) == (
        "success",
        "callee-hung-up",
    )
    at = record["timings"]
    assert max(at["ringing"], at["agent-created"]) < at["answered"] < at["agent-joined"]


def _pressed(agent: StandinCall, key: str) -> bool:
    return any(f"pressed {key}" in text for text in agent.received)


async def test_who_gives_telephone_event_another_number_is_heard_by_ours_and_by_theirs(
    bridge: Bridge, callee: Phone
) -> None:
    await place(bridge)
    async with Line() as line:
        call = await callee.called()
        assert call.invite is not None
        offered = re.search(r"a=rtpmap:(\d+) telephone-event/8000", call.invite.body)
        assert offered is not None
        assert offered[1] != "97"
        event = "a=rtpmap:97 telephone-event/8000"
        call.reply(call.invite, "200 OK", body=describe(line, formats="0 97", more=[event]))
        await call.expect("ACK")
        line.talk(call.invite.media)
        ours = await bridge.call()
        await until(lambda: "agent-joined" in ours.chronicle.timings)
        agent = await bridge.agent()
        for number, (kind, code) in enumerate(((int(offered[1]), 4), (97, 2))):
            header = (0x80, kind | 0x80, number, 1000 * number, 77)
            line.send_raw(struct.pack("!BBHII", *header) + bytes([code, 0x8A, 0, 160]))
            await until(partial(_pressed, agent, str(code)))
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", {"digits": "1"})
        await until(lambda: any(packet.payload_type == 97 for packet in line.packets))
        await call.hang_up()


async def test_an_orders_variables_and_facts_reach_the_agent(bridge: Bridge, callee: Phone) -> None:
    await place(bridge, "reminder", variables={"name": "Ann Ω"})
    call = await callee.called()
    await until(lambda: "templateContext" in (bridge.standin.requests[-1].body or {}))
    request = bridge.standin.requests[-1].body
    assert request["templateContext"] == {
        "who": "Ann Ω",
        "number": "+15550100",
        "name": "Ann Ω",
    }
    given = {name: text for name, text in request["metadata"].items() if name != MARK}
    assert given == {"by": "pbx", "from": "+442079460000"}
    assert request["medium"]["serverWebSocket"]["inputSampleRate"] == 8000
    assert request["medium"]["serverWebSocket"]["clientBufferSizeMs"] == 30000
    assert float(request["joinTimeout"].removesuffix("s")) > 60
    assert call.invite is not None
    call.reply(call.invite, "486 Busy Here")
    await call.expect("ACK")


@pytest.mark.parametrize(
    ("status", "headers", "cause"),
    [
        ("486 Busy Here", (), "busy"),
        ("600 Busy Everywhere", (), "busy"),
        ("603 Decline", (), "declined"),
        ("480 Temporarily Unavailable", (), "no-answer"),
        ("408 Request Timeout", (), "no-answer"),
        ("404 Not Found", (), "unknown-number"),
        ("484 Address Incomplete", (), "unknown-number"),
        ("488 Not Acceptable Here", (), "no-common-codec"),
        ("403 Forbidden", (), "trunk-refused"),
        ("503 Service Unavailable", (), "trunk-failed"),
        ("500 Server Error", ("Reason: Q.850;cause=17",), "busy"),
    ],
)
async def test_a_refusal_is_told_by_its_cause(
    bridge: Bridge, callee: Phone, status: str, headers: tuple[str, ...], cause: str
) -> None:
    call_id = await place(bridge)
    call = await callee.called()
    assert call.invite is not None
    call.reply(call.invite, "180 Ringing")
    call.reply(call.invite, status, *headers)
    await call.expect("ACK")
    outcome = (await bridge.record())["outcome"]
    assert outcome["cause"] == cause
    assert outcome["sip_code"] == int(status[:3])
    shown = await bridge.get(f"/v1/calls/{call_id}")
    assert (shown["state"], shown["outcome"]["cause"]) == ("ended", cause)
    await bridge.idle()
    assert all(call.end_reason == "hangup" for call in bridge.standin.calls.values())


async def test_early_media_is_not_an_answer(bridge: Bridge, callee: Phone) -> None:
    await place(bridge, "talker")
    async with Line() as line:
        call = await callee.called()
        assert call.invite is not None
        call.reply(call.invite, "183 Session Progress", body=describe(line))
        line.talk(call.invite.media, pitch=440)
        ours = await bridge.call()
        await until(lambda: "ringing" in ours.chronicle.timings)
        await asyncio.sleep(0.4)
        assert "answered" not in ours.chronicle.timings
        assert (await bridge.get(f"/v1/calls/{ours.id}"))["state"] == "ringing"
        assert all(
            agent.joined is None for agent in bridge.standin.calls.values() if not agent.ended
        )
        call.reply(call.invite, "486 Busy Here")
        await call.expect("ACK")
        assert not any(p.speech for p in line.packets)
    assert (await bridge.record())["outcome"]["cause"] == "busy"


async def test_early_media_may_become_a_call(bridge: Bridge, callee: Phone) -> None:
    await place(bridge, "talker")
    async with Line() as line:
        call = await callee.called()
        assert call.invite is not None
        call.reply(call.invite, "183 Session Progress", body=describe(line))
        line.talk(call.invite.media)
        await answer(call, line)
        await line.speech()
        await call.hang_up()


async def test_a_phone_that_nobody_takes_is_cancelled(bridge: Bridge, callee: Phone) -> None:
    await place(bridge, trunk="quick")
    call = await callee.called()
    assert call.invite is not None
    call.reply(call.invite, "180 Ringing")
    cancel = await call.expect("CANCEL")
    assert "Q.850;cause=19" in cancel["Reason"]
    call.reply(cancel, "200 OK")
    call.reply(call.invite, "487 Request Terminated")
    await call.expect("ACK")
    outcome = (await bridge.record())["outcome"]
    assert (outcome["cause"], outcome["result"]) == ("no-answer", "client_error")


async def test_an_answer_that_crosses_our_cancel_is_taken_back(
    bridge: Bridge, callee: Phone
) -> None:
    await place(bridge, trunk="quick")
    async with Line() as line:
        call = await callee.called()
        assert call.invite is not None
        call.reply(call.invite, "180 Ringing")
        cancel = await call.expect("CANCEL")
        call.reply(call.invite, "200 OK", body=describe(line))
        call.reply(cancel, "200 OK")
        await call.ended()
    assert (await bridge.record())["outcome"]["cause"] == "no-answer"


@pytest.mark.parametrize("trunk", ["dead", "refusing"])
async def test_a_trunk_that_does_not_answer_is_unreachable(bridge: Bridge, trunk: str) -> None:
    await place(bridge, trunk=trunk)
    outcome = (await bridge.record())["outcome"]
    assert (outcome["cause"], outcome["result"]) == ("unreachable", "upstream_error")
    assert outcome["detail"]


@pytest.mark.parametrize(
    ("agent", "cause"),
    [("error-401", "agent-refused"), ("error-500", "agent-unavailable")],
)
async def test_an_agent_that_fails_while_it_rings_stops_the_ringing(
    bridge: Bridge, callee: Phone, agent: str, cause: str
) -> None:
    await place(bridge, agent)
    try:
        call = await asyncio.wait_for(callee.called(), 0.5)
    except TimeoutError:
        pass  # it failed before the INVITE was out
    else:
        assert call.invite is not None
        call.reply(call.invite, "180 Ringing")
        cancel = await call.expect("CANCEL")
        call.reply(cancel, "200 OK")
        call.reply(call.invite, "487 Request Terminated")
        await call.expect("ACK")
    assert (await bridge.record())["outcome"]["cause"] == cause


async def test_an_agent_that_cannot_be_joined_ends_the_answered_call(
    bridge: Bridge, callee: Phone
) -> None:
    await place(bridge, "refuse-join")
    async with Line() as line:
        call = await callee.called()
        await answer(call, line)
        bye = await call.ended()
    assert "Q.850;cause=41" in bye["Reason"]
    assert (await bridge.record())["outcome"]["cause"] == "agent-refused"


async def test_an_operator_stops_the_ringing(bridge: Bridge, callee: Phone) -> None:
    call_id = await place(bridge)
    call = await callee.called()
    assert call.invite is not None
    call.reply(call.invite, "180 Ringing")
    ours = await bridge.call()
    await until(lambda: "ringing" in ours.chronicle.timings)
    await bridge.post(f"/v1/calls/{call_id}/hangup")
    cancel = await call.expect("CANCEL")
    call.reply(cancel, "200 OK")
    call.reply(call.invite, "487 Request Terminated")
    await call.expect("ACK")
    assert (await bridge.record())["outcome"]["cause"] == "operator-hung-up"


async def test_an_agent_that_is_slow_greets_late_but_whole(bridge: Bridge, callee: Phone) -> None:
    await place(bridge, "slow")
    async with Line() as line:
        call = await callee.called()
        await answer(call, line)
        assert call.invite is not None
        line.talk(call.invite.media)
        await line.speech()
        await call.hang_up()
    timings = (await bridge.record())["timings"]
    assert timings["agent-created"] > timings["answered"]


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ({"agent": "nobody"}, "nobody"),
        ({"to": ""}, "names nobody"),
        ({"to": " "}, "names nobody"),
        ({"to": "sip:"}, "names nobody"),
        ({"to": "SIPS:1@;transport=tls"}, "names nobody"),
        ({"to": "sip:1@host:x"}, "port"),
        ({"to": "sip:x@127.0.0.2>\r\nX-Evil: 1"}, "port"),
        ({"to": "sip:a b@127.0.0.2"}, "no address has ' '"),
        ({"to": "sip:1@127.0.0.2?Route=%3Csip:127.0.0.9;lr%3E"}, "holds no headers"),
        ({"trunk": "nowhere"}, "nowhere"),
        ({"trunk": None}, "several trunks"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    bridge: Bridge, order: dict[str, Any], word: str
) -> None:
    body = {"to": "1", "agent": "silent", "trunk": "pbx", **order}
    async with bridge.api.post("/v1/calls", json=body) as response:
        assert response.status == 400
        told = await response.json()
    assert told["error"] == "bad-request"
    assert word in told["message"]


async def test_a_destination_that_is_none_ends_the_call_with_its_reason(bridge: Bridge) -> None:
    await place(bridge, to="sips:1@127.0.0.2;transport=udp")
    outcome = (await bridge.record())["outcome"]
    assert outcome["result"] != "success"
    assert outcome["detail"]


@pytest.mark.parametrize("to", ["12\r\nX-Evil: 1", "1 2;3@4>", "é"])
async def test_odd_characters_in_a_number_are_escaped_and_never_interpreted(
    bridge: Bridge, callee: Phone, to: str
) -> None:
    await place(bridge, to=to)
    call = await callee.called()
    assert call.invite is not None
    target = call.invite.start.split()[1]
    assert target.endswith(f"@127.0.0.2:{PORT}")
    assert unquote(target.removeprefix("sip:").partition("@")[0]) == to
    assert call.invite["X-Evil"] == ""
    call.reply(call.invite, "404 Not Found")
    await call.expect("ACK")
