"""Second legs of calls: several trunks, places, pace, and what is told of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.call import Call, CallState
from bridge.parties import arrivals
from tests.support.caller import Phone, SipCall
from tests.support.carriers import FIRST, NUMBER, PORT, SECOND, SECOND_TRUNK, trunk_of_first
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge, offer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES: dict[str, Any] = {
    "ultravox": {"timeout_s": 1.5},
    "trunks": {
        "pbx": {"address": f"sip:{FIRST}:{PORT}", "caller_id": "1"},
        "b": SECOND_TRUNK,
        "narrow": trunk_of_first("127.0.0.6", max_calls=1),
        "slow": trunk_of_first("127.0.0.7", calls_per_second=1),
    },
    "outbound": [{"to": "+44*", "trunks": ["pbx", "b"]}],
    "routes": [
        {"to": "silent", "agent": "silent"},
        {
            "to": "error-500",
            "agent": "error-500",
            "on_agent_failure": [{"transfer": NUMBER, "trunk": ["narrow", "b"], "timeout_s": 5}],
        },
    ],
}


@contextlib.asynccontextmanager
async def up(phone: Phone, bridge: Bridge) -> AsyncIterator[tuple[SipCall, Call]]:
    """A call that is up, its caller at 1050 Hz."""
    async with phone.call(bridge.address, user="silent", pitch=1050) as call:
        await until(lambda: any(each.facts.callee == "silent" for each in _alive(bridge)))
        ours = _alive(bridge)[-1]
        await until(lambda: ours.state is CallState.ANSWERED)
        yield call, ours


def _alive(bridge: Bridge) -> list[Call]:
    return list(bridge.service.calls.values())


async def bridged(bridge: Bridge, ours: Call, **body: Any) -> None:
    body = {"to": NUMBER, "mode": "bridged", **body}
    await bridge.post(f"/v1/calls/{ours.id}/transfer", body)


@contextlib.asynccontextmanager
async def picked_up(phone: Phone, host: str = FIRST) -> AsyncIterator[SipCall]:
    """Whom the second leg went to has answered, and talks at 1330 Hz."""
    async with Line(host=host) as line:
        call = await phone.answer(line)
        assert call.invite is not None
        line.talk(call.invite.media, pitch=1330)
        yield call


async def test_a_second_leg_is_tried_through_the_next_trunk_and_is_told_of_everywhere(
    bridge: Bridge, phone: Phone, first: Phone, second: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await bridged(bridge, ours)
        refused = await first.refuse("500 Server Error")
        async with picked_up(second, SECOND) as other:
            assert refused.invite is not None
            assert other.invite is not None
            assert refused.invite.start.startswith(f"INVITE sip:{NUMBER}@{FIRST}")
            assert other.invite.start.startswith(f"INVITE sip:02071838750@{SECOND}")
            assert "<sip:1@" in refused.invite["From"]
            assert "<sip:2@" in other.invite["From"]
            await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
            (shown,) = (await bridge.get(f"/v1/calls/{ours.id}"))["legs"]
            assert (shown["name"], shown["trunk"], shown["sip_code"]) == ("transfer", "b", 200)
            assert shown["outcome"] is None
            assert (await bridge.metrics())["bridge_legs_active"] == 2
            await other.hang_up()
            await call.ended()
    record = await bridge.record()
    assert (record["trunk"], record["outcome"]["cause"]) == ("pbx", "callee-hung-up")
    (leg,) = record["legs"]
    assert (leg["direction"], leg["to"], leg["codec"]) == ("outbound", NUMBER, "PCMU")
    assert [(each["trunk"], each["sip_code"]) for each in leg["attempts"]] == [
        ("pbx", 500),
        ("b", 200),
    ]
    assert leg["outcome"]["cause"] == "callee-hung-up"
    steps = ["dialled", "ringing", "answered", "ended"]
    assert list(leg["timings"]) == steps
    assert sorted(leg["timings"].values()) == list(leg["timings"].values())
    assert leg["sound"]["received"] > 0
    assert leg["sound"]["sent"] > 0
    assert leg["sound"]["mos"] > 3
    metrics = await bridge.metrics()
    assert metrics['bridge_attempts_total{result="trunk-failed",trunk="pbx"}'] == 1
    assert metrics['bridge_attempts_total{result="answered",trunk="b"}'] == 1
    assert metrics["bridge_legs_active"] == 0
    assert not bridge.service.switchboard._wider
    kinds = [event.kind for event in ours.chronicle._events]
    assert [kind for kind in kinds if "leg" in kind or "attempt" in kind] == [
        "attempt-failed",
        "leg-ringing",
        "leg-answered",
        "leg-ended",
    ]


async def test_a_second_leg_that_is_refused_leaves_its_status_and_the_caller(
    bridge: Bridge, phone: Phone, first: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await bridged(bridge, ours, to="17")
        await first.refuse("486 Busy Here")
        await until(lambda: not ours.transfers.under_way)
        assert call.bye is None
    (leg,) = (await bridge.record())["legs"]
    assert (leg["sip_code"], leg["outcome"]["cause"], leg["codec"]) == (486, "busy", None)
    assert leg["attempts"][0]["cause"] == "busy"


async def test_a_full_trunk_is_passed_over_and_one_that_has_a_place_takes_the_second_leg(
    bridge: Bridge, phone: Phone, first: Phone, second: Phone
) -> None:
    async with up(phone, bridge) as (call, ours):
        await bridged(bridge, ours, trunk=["narrow", "b"])
        async with picked_up(first) as one:
            async with up(phone, bridge) as (another, other):
                assert other is not ours
                await bridged(bridge, other, trunk="narrow")
                await until(lambda: bool(other.transfers.results))
                assert "carries all its 1 calls" in str(other.transfers.results[0]["reason"])
                await bridged(bridge, other, trunk=["narrow", "b"])
                async with picked_up(second, SECOND) as two:
                    await two.hang_up()
                    await another.ended()
            await one.hang_up()
            await call.ended()
    await bridge.record()


async def test_a_second_leg_that_a_scenario_no_longer_waits_for_takes_no_place(
    bridge: Bridge, phone: Phone, first: Phone
) -> None:
    async with up(phone, bridge) as (_, ours):

        async def in_vain() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await arrivals.dial(ours, NUMBER, name="second", trunks=("narrow",))

        dialling = ours.spawn(in_vain(), name="in vain")
        ringing = await first.called()
        assert ringing.invite is not None
        ringing.reply(ringing.invite, "180 Ringing")
        assert ours.parties.places == 2
        await dialling
        assert ours.parties.places == 1
        ringing.reply(await ringing.expect("CANCEL"), "200 OK")
        ringing.reply(ringing.invite, "487 Request Terminated")
        await ringing.expect("ACK")
        assert ours.parties.on_trunk("narrow") == 0


async def test_a_hunt_takes_a_place_of_its_second_trunk_but_once(
    bridge: Bridge, first: Phone
) -> None:
    body = {"to": "1", "agent": "silent", "trunk": ["pbx", "narrow"]}
    await bridge.post("/v1/calls", body)
    await first.refuse("500 Server Error")
    await first.refuse("486 Busy Here")
    record = await bridge.record()
    assert [each["cause"] for each in record["attempts"]] == ["trunk-failed", "busy"]


async def test_second_legs_wait_for_their_trunks_turn(
    bridge: Bridge, phone: Phone, first: Phone
) -> None:
    loop = asyncio.get_running_loop()
    async with up(phone, bridge) as (_, ours):
        times = []
        for _ in range(2):
            await bridged(bridge, ours, trunk="slow", to="17")
            await first.refuse("486 Busy Here")
            times.append(loop.time())
            await until(lambda: not ours.transfers.under_way)
        assert times[1] - times[0] > 0.7
        waits = [event.fields for event in ours.chronicle._events if event.kind == "waiting"]
        assert [(each["trunk"], each["leg"]) for each in waits] == [("slow", "transfer")]


async def test_where_an_agent_fails_whom_the_caller_is_given_is_reached_through_several_trunks(
    bridge: Bridge, phone: Phone, first: Phone, second: Phone
) -> None:
    call = await offer(phone, bridge, user="error-500")
    await first.refuse("503 Service Unavailable")
    async with picked_up(second, SECOND) as other:
        await call.expect(200)
        call.ack()
        await other.hang_up()
        await call.ended()
    (leg,) = (await bridge.record())["legs"]
    assert [each["trunk"] for each in leg["attempts"]] == ["narrow", "b"]


async def test_speech_that_any_leg_had_no_room_for_is_counted(
    bridge: Bridge, phone: Phone, first: Phone
) -> None:
    name = "bridge_playout_dropped_seconds_total"
    before = (await bridge.metrics())[name]
    async with up(phone, bridge) as (_, ours):
        await bridged(bridge, ours)
        async with picked_up(first) as other:
            await until(lambda: len(list(ours.parties)) == 2)
            for party in ours.parties:
                party.stream.stats.overflow = ours.rate
            assert (await bridge.metrics())[name] == before + 2
            await other.hang_up()
    assert (await bridge.metrics())[name] == before + 2
