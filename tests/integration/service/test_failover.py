"""Orders in all their keys: several trunks, pace, places, headers, keys that repeat."""

import asyncio
from typing import Any

import pytest

from tests.support.caller import Phone, describe
from tests.support.carriers import FIRST, NUMBER, SECOND, SECOND_TRUNK, trunk_of_first
from tests.support.line import Line
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES: dict[str, Any] = {
    "trunks": {
        "pbx": None,
        "a": trunk_of_first(FIRST, caller_id="1"),
        "b": SECOND_TRUNK,
        "mute": trunk_of_first("127.0.0.4", trying_timeout_s=0.4, ring_timeout_s=1.2),
        "refusing": {"hosts": ["127.0.0.5"], "address": "sip:127.0.0.2:5972;transport=tcp"},
        "narrow": trunk_of_first("127.0.0.6", max_calls=1),
        "slow": trunk_of_first("127.0.0.7", calls_per_second=2),
    },
    "outbound": [{"to": "+44*", "trunks": ["a", "b"]}],
    "routes": [{"agent": "silent"}],
}


@pytest.fixture(autouse=True)
def _rested(bridge: Bridge) -> None:
    """No trunk is left alone for what happened in another test."""
    for gate in bridge.service._intake._desk._gates.values():
        gate._rests_until = 0.0


async def place(bridge: Bridge, *trunks: str, **order: Any) -> str:
    body = {"to": NUMBER, "agent": "silent", "trunk": list(trunks), **order}
    call_id: str = (await bridge.post("/v1/calls", body))["id"]
    return call_id


async def test_an_order_that_no_invite_can_be_made_of_keeps_no_trunk_from_the_next(
    bridge: Bridge, first: Phone
) -> None:
    await place(bridge, "a", "b", to="sips:1@127.0.0.2;transport=udp")
    record = await bridge.record()
    assert [each["trunk"] for each in record["attempts"]] == ["a", "b"]
    await place(bridge, "a")
    assert (await first.refuse("404 Not Found")).invite is not None


async def test_the_next_trunk_is_tried_where_one_fails_with_its_own_number_and_caller_id(
    bridge: Bridge, first: Phone, second: Phone
) -> None:
    await place(bridge)
    refused = await first.refuse("500 Server Error")
    async with Line(host=SECOND) as line:
        call = await second.answer(line)
        ours = await bridge.call()
        await until(lambda: "agent-joined" in ours.chronicle.timings)
        shown = await bridge.get(f"/v1/calls/{ours.id}")
        await call.hang_up()
    assert refused.invite is not None
    assert call.invite is not None
    assert refused.invite.start.startswith(f"INVITE sip:{NUMBER}@{FIRST}")
    assert call.invite.start.startswith(f"INVITE sip:02071838750@{SECOND}")
    assert "<sip:1@" in refused.invite["From"]
    assert "<sip:2@" in call.invite["From"]
    assert refused.invite.media == call.invite.media
    record = await bridge.record()
    assert (shown["trunk"], record["trunk"]) == ("b", "b")
    assert record["outcome"]["cause"] == "callee-hung-up"
    attempts = record["attempts"]
    assert [(each["trunk"], each["sip_code"], each["cause"]) for each in attempts] == [
        ("a", 500, "trunk-failed"),
        ("b", 200, None),
    ]
    assert all(0 <= each["seconds"] < 5 for each in attempts)
    ids = [refused.invite["Call-ID"], call.invite["Call-ID"]]
    assert [each["sip_call_id"] for each in attempts] == ids
    assert record["sip_call_id"] == ids[-1]
    metrics = await bridge.metrics()
    assert metrics['bridge_attempts_total{result="trunk-failed",trunk="a"}'] == 1
    assert metrics['bridge_attempts_total{result="answered",trunk="b"}'] == 1
    kinds = [event.kind for event in ours.chronicle._events]
    assert kinds.count("attempt-failed") == 1


async def test_a_trunk_that_failed_after_an_announcement_is_sent_nothing_more(
    bridge: Bridge, first: Phone, second: Phone
) -> None:
    await place(bridge)
    async with Line(host=FIRST) as early, Line(host=SECOND) as line:
        failing = await first.called()
        assert failing.invite is not None
        failing.reply(failing.invite, "183 Session Progress", body=describe(early))
        await until(lambda: len(early.packets) > 3)
        failing.reply(failing.invite, "503 Service Unavailable")
        ringing = await second.called()
        before = len(early.packets)
        with pytest.raises(TimeoutError):
            await until(lambda: len(early.packets) > before + 1, timeout_s=0.5)
        assert ringing.invite is not None
        ringing.reply(ringing.invite, "200 OK", body=describe(line))
        await ringing.expect("ACK")
        await until(lambda: len(line.packets) > 3)
        await ringing.hang_up()
    await bridge.record()


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("486 Busy Here", "busy"),
        ("404 Not Found", "unknown-number"),
        ("603 Decline", "declined"),
        ("503 Rang Before", "trunk-failed"),
    ],
)
async def test_an_answer_of_the_callee_is_final(
    bridge: Bridge, first: Phone, second: Phone, status: str, cause: str
) -> None:
    await place(bridge, "a", "b")
    await first.refuse(status, ringing="Rang" in status)
    record = await bridge.record()
    assert record["outcome"]["cause"] == cause
    assert [each["trunk"] for each in record["attempts"]] == ["a"]


async def test_the_last_trunks_failure_is_the_calls(
    bridge: Bridge, first: Phone, second: Phone
) -> None:
    await place(bridge, "a", "b")
    await first.refuse("500 Server Error")
    await second.refuse("504 Timeout")
    record = await bridge.record()
    assert (record["outcome"]["cause"], record["outcome"]["sip_code"]) == ("trunk-failed", 504)
    assert [each["sip_code"] for each in record["attempts"]] == [500, 504]


async def test_a_trunk_that_says_nothing_or_refuses_the_connection_is_passed_over(
    bridge: Bridge, first: Phone, second: Phone
) -> None:
    await place(bridge, "refusing", "mute", "b")
    silent = await first.called()
    await second.refuse("486 Busy Here")
    record = await bridge.record()
    assert [(each["trunk"], each["cause"]) for each in record["attempts"]] == [
        ("refusing", "unreachable"),
        ("mute", "unreachable"),
        ("b", "busy"),
    ]
    assert 0.4 <= record["attempts"][1]["seconds"] < 1.2  # its ring_timeout_s
    assert silent.invite is not None
    silent.reply(silent.invite, "487 Request Terminated")  # or its leg would live for 32 s
    await place(bridge, "mute", "b")
    await second.refuse("486 Busy Here")
    attempts = (await bridge.record())["attempts"]
    assert [(each["trunk"], each["cause"]) for each in attempts] == [
        ("mute", "full"),
        ("b", "busy"),
    ]


async def test_a_trunk_that_says_100_is_given_its_time(bridge: Bridge, first: Phone) -> None:
    await place(bridge, "mute")
    call = await first.called()
    assert call.invite is not None
    call.reply(call.invite, "100 Trying")
    await asyncio.sleep(0.7)
    call.reply(call.invite, "486 Busy Here")
    await call.expect("ACK")
    assert (await bridge.record())["outcome"]["cause"] == "busy"


async def test_a_trunk_that_asks_for_rest_is_left_alone(
    bridge: Bridge, first: Phone, second: Phone
) -> None:
    await place(bridge, "a", "b")
    await first.refuse("503 Service Unavailable", "Retry-After: 30")
    await second.refuse("486 Busy Here")
    assert [each["sip_code"] for each in (await bridge.record())["attempts"]] == [503, 486]
    await place(bridge, "a", "b")
    await second.refuse("486 Busy Here")
    attempts = (await bridge.record())["attempts"]
    assert [(each["trunk"], each["cause"]) for each in attempts] == [
        ("a", "full"),
        ("b", "busy"),
    ]
    async with bridge.api.post(
        "/v1/calls", json={"to": "1", "agent": "silent", "trunk": "a"}
    ) as response:
        assert (response.status, (await response.json())["error"]) == (503, "full")
        assert 25 <= int(response.headers["Retry-After"]) <= 30


async def test_a_trunk_carries_no_more_than_its_calls(bridge: Bridge, first: Phone) -> None:
    await place(bridge, "narrow")
    one = await first.called()
    body = {"to": "2", "agent": "silent", "trunk": "narrow"}
    async with bridge.api.post("/v1/calls", json=body) as response:
        assert response.status == 503
        assert "Retry-After" in response.headers
        assert "all its 1 calls" in (await response.json())["message"]
    await place(bridge, "narrow", "a")
    other = await first.called()
    for call in (one, other):
        assert call.invite is not None
        call.reply(call.invite, "486 Busy Here")
        await call.expect("ACK")
    await bridge.idle()
    await place(bridge, "narrow")
    await first.refuse("486 Busy Here")


async def test_calls_begin_no_faster_than_their_trunks_pace(bridge: Bridge, first: Phone) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(4):
        await place(bridge, "slow")
    for _ in range(4):
        await first.refuse("486 Busy Here")
    assert loop.time() - began > 0.9  # two at once, then two a second


async def test_an_orders_caller_id_headers_and_ring_timeout_are_used(
    bridge: Bridge, first: Phone
) -> None:
    headers = {"X-Campaign": "spring", "User-to-User": "0123;encoding=hex"}
    await place(bridge, "a", caller_id="+4930123456", headers=headers, ring_timeout_s=0.3)
    call = await first.called()
    assert call.invite is not None
    assert "<sip:+4930123456@" in call.invite["From"]
    assert call.invite["X-Campaign"] == "spring"
    assert call.invite["User-to-User"] == "0123;encoding=hex"
    call.reply(call.invite, "180 Ringing")
    cancel = await call.expect("CANCEL")
    call.reply(cancel, "200 OK")
    call.reply(call.invite, "487 Request Terminated")
    await call.expect("ACK")
    record = await bridge.record()
    assert record["outcome"]["cause"] == "no-answer"
    assert record["caller"] == "+4930123456"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"headers": {"Via": "x"}}, "Via is written by the bridge"),
        ({"headers": {"X-A": "a\r\nVia: b"}}, "line break"),
        ({"caller_id": "1\r\n2"}, "line break"),
        ({"ring_timeout_s": 0}, "ring_timeout_s"),
        ({"trunk": ["a", "nowhere"]}, "no trunk 'nowhere'"),
        ({"trunk": None, "to": "+1201"}, "no entry of `outbound`"),
        ({"trunk": "b", "to": "ann"}, "not a telephone number"),
    ],
)
async def test_what_an_order_may_not_say_is_told(
    bridge: Bridge, wrong: dict[str, Any], says: str
) -> None:
    body = {"to": NUMBER, "agent": "silent", **wrong}
    async with bridge.api.post("/v1/calls", json=body) as response:
        assert response.status == 400
        assert says in (await response.json())["message"]


async def test_an_order_sent_twice_under_one_key_places_one_call(
    bridge: Bridge, first: Phone
) -> None:
    body = {"to": NUMBER, "agent": "silent", "trunk": "a"}

    async def send(key: str, **change: Any) -> tuple[int, Any, bool]:
        sent = {**body, **change}
        headers = {"Idempotency-Key": key}
        async with bridge.api.post("/v1/calls", json=sent, headers=headers) as response:
            again = "Idempotency-Replayed" in response.headers
            return response.status, await response.json(), again

    status, told, again = await send("order-1")
    assert (status, again) == (201, False)
    assert await send("order-1") == (201, told, True)
    status, error, _ = await send("order-1", to="+4420")
    assert (status, error["error"]) == (422, "key-reused")
    assert (await send("", to="+4420"))[0] == 400
    assert (await send("order-2", agent="nobody"))[0] == 400
    await first.refuse("486 Busy Here")
    assert (await bridge.record())["id"] == told["id"]
    assert await send("order-1") == (201, told, True)
    assert bridge.unread == 0
    assert (await send("order-2"))[0] == 201
    await first.refuse("486 Busy Here")
