"""Telephones that ring for a call of ours, picked up from another one (RFC 3891).

ringing   the phone that we make ring: for an order, or for a transfer
picked    the call of whoever picks it up: an INVITE with Replaces
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bridge.call import Call
from deploy.ports import free_port
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.picking_up import cross, named, pick_up, rings, stop, talk
from tests.support.pitch import heard
from tests.support.service import Bridge, noted
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
CHANGES: dict[str, Any] = {
    "trunks": {
        "pbx": {"address": f"sip:127.0.0.2:{PORT}", "accept_replaces": True},
        "next": {"hosts": ["127.0.0.8"], "address": f"sip:127.0.0.2:{PORT}"},
    },
}


@pytest_asyncio.fixture(loop_scope="module")
async def other() -> AsyncIterator[Phone]:
    async with Phone(port=PORT) as phone:
        yield phone


async def order(bridge: Bridge, agent: str = "echo", *, trunk: Any = "pbx") -> Call:
    body = {"to": "ann", "agent": agent, "trunk": trunk}
    await bridge.post("/v1/calls", body)
    return await bridge.call()


async def transfer(bridge: Bridge) -> Call:
    ours = await bridge.answered()
    await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "ben", "mode": "bridged"})
    return ours


@pytest.mark.parametrize("end", [stop, cross])
async def test_an_order_goes_on_with_whoever_picks_up_the_phone_that_rings_for_it(
    bridge: Bridge, phone: Phone, other: Phone, end: Any
) -> None:
    async with Line() as line:
        ours = await order(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        await talk(picked, line)
        await end(ringing)
        assert list(bridge.service.calls) == [ours.id]
        # It is steered as any other.
        await bridge.post(f"/v1/calls/{ours.id}/dtmf", {"digits": "5"})
        await until(lambda: any(packet.payload_type == 101 for packet in line.packets))
        assert picked.bye is None
        await picked.hang_up()
    record = await bridge.record()
    assert (record["outcome"]["result"], record["outcome"]["cause"]) == (
        "success",
        "callee-hung-up",
    )
    assert record["callee"] == "ann"
    assert record["codec"] == "PCMU"
    assert record["sound"]["received"] > 0
    assert {"ringing", "answered", "agent-joined"} <= record["timings"].keys()
    assert [each["cause"] for each in record["attempts"]] == ["transferred"]
    (leg,) = record["legs"]
    assert (leg["name"], leg["direction"], leg["to"]) == ("callee", "outbound", "ann")
    assert leg["outcome"]["cause"] == "transferred"
    assert noted(ours, "attempt-failed") == []


@pytest.mark.parametrize("end", [stop, cross])
async def test_a_transfer_goes_on_with_whoever_picks_up_the_phone_that_rings_for_it(
    bridge: Bridge, phone: Phone, other: Phone, end: Any
) -> None:
    async with phone.call(bridge.address, user="silent", pitch=1050) as call, Line() as line:
        await transfer(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        answer = await picked.expect(200)
        picked.ack()
        line.talk(answer.media, pitch=1330)
        await end(ringing)
        await until(lambda: heard(line.heard()[-1600:], 1050) == {1050})
        await until(lambda: heard(call.line.heard()[-1600:], 1330) == {1330})
        await picked.hang_up()
        await call.ended()
    record = await bridge.record()
    assert record["outcome"]["cause"] == "callee-hung-up"
    assert [each["done"] for each in record["transfers"]] == [True]
    attempts = [leg["attempts"] for leg in record["legs"]]
    assert [each["cause"] for each in attempts[0]] == ["transferred"]
    assert attempts[1] == []


async def test_no_other_trunk_is_tried_once_a_phone_has_been_picked_up(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with Line() as line:
        await order(bridge, trunk=["pbx", "next"])
        ringing = await other.called()
        assert ringing.invite is not None
        ringing.reply(ringing.invite, "183 Session Progress")  # which is no ringing
        await until(lambda: any(leg.proceeding for leg in bridge.service._user_agent.legs.values()))
        picked = await phone.invite(bridge.address, describe(line), named(ringing))
        await talk(picked, line)
        await stop(ringing)
        assert other._new.empty()
        await picked.hang_up()
    record = await bridge.record()
    assert [each["trunk"] for each in record["attempts"]] == ["pbx"]
    assert record["outcome"]["cause"] == "callee-hung-up"


async def test_whoever_picked_up_talks_before_the_phone_that_rings_says_that_it_stops(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with Line() as line:
        await order(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        await talk(picked, line)
        await picked.hang_up()  # which leaves a CANCEL unanswered
        assert (await bridge.record())["outcome"]["cause"] == "callee-hung-up"
        await stop(ringing)


async def test_of_two_who_pick_up_one_phone_one_is_declined(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with Line() as line, Line() as late:
        await order(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        answer = await picked.expect(200)  # and no ACK yet
        second = await pick_up(phone, bridge, ringing, late)
        assert (await second.final()).code == 603
        picked.ack()
        line.talk(answer.media, pitch=1330)
        await until(lambda: heard(line.heard()[-1600:], 1330) == {1330})
        await stop(ringing)
        third = await pick_up_again(phone, bridge, ringing, late)
        assert (await third.final()).code == 603
        await picked.hang_up()
    await bridge.record()


async def pick_up_again(phone: Phone, bridge: Bridge, ringing: SipCall, line: Line) -> SipCall:
    """The same INVITE as `pick_up`, when nothing rings any more."""
    await until(lambda: len(bridge.service._user_agent.legs) == 1)
    return await phone.invite(bridge.address, describe(line), named(ringing))


async def test_a_phone_rings_on_where_picking_it_up_comes_to_nothing(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with Line() as line:
        await order(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line, formats="18")
        assert (await picked.final()).code == 488
        assert ringing.invite is not None
        ringing.reply(ringing.invite, "200 OK", body=describe(line))
        await ringing.expect("ACK")
        await bridge.answered()
        await ringing.hang_up()
    assert (await bridge.record())["outcome"]["cause"] == "callee-hung-up"


async def test_who_picks_a_phone_up_and_hangs_up_at_once_leaves_nothing_behind(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with Line() as line:
        ours = await order(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        await picked.expect(200)
        picked.ack()
        await picked.hang_up()
        await until(lambda: bool(noted(ours, "transfer-failed") or noted(ours, "transferred")))
        assert ringing.invite is not None
        if noted(ours, "transfer-failed"):  # it was gone before it could take the place
            ringing.reply(ringing.invite, "486 Busy Here")
            assert (await bridge.record())["outcome"]["cause"] == "busy"
        else:
            ringing.reply(await ringing.expect("CANCEL"), "200 OK")
            ringing.reply(ringing.invite, "487 Request Terminated")
            assert (await bridge.record())["outcome"]["cause"] == "callee-hung-up"


async def test_a_caller_who_hangs_up_meanwhile_ends_the_picking_up_too(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with phone.call(bridge.address, user="silent") as call, Line() as line:
        await transfer(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        await picked.expect(200)  # and no ACK yet
        await call.hang_up()
        cancel = await ringing.expect("CANCEL")
        ringing.reply(cancel, "200 OK")
        assert ringing.invite is not None
        ringing.reply(ringing.invite, "487 Request Terminated")
        picked.ack()
        await picked.ended()
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"


# What names no phone that can be picked up.


async def test_an_answered_call_is_not_picked_up_by_who_wants_one_that_rings(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="silent") as call, Line() as line:
        await bridge.answered()
        asked = await phone.invite(bridge.address, describe(line), f"{named(call)};early-only")
        assert (await asked.final()).code == 486
        assert call.bye is None


async def test_a_call_that_is_over_is_declined(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        await bridge.answered()
    async with Line() as line:
        asked = await phone.invite(bridge.address, describe(line), named(call))
        assert (await asked.final()).code == 603


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda header: header.replace("to-tag=", "to-tag=x"), 481),
        (lambda header: header.replace("from-tag=", "from-tag=x"), 481),
        (lambda header: header.replace("Replaces: ", "Replaces: x"), 481),
        (lambda header: f"{header}\r\n{header}", 400),
        (lambda header: header.partition(";")[0], 400),
    ],
    ids=["to-tag", "from-tag", "Call-ID", "two headers", "no tags"],
)
async def test_an_invite_that_names_no_call_exactly_is_refused(
    bridge: Bridge, phone: Phone, other: Phone, change: Any, code: int
) -> None:
    async with Line() as line:
        ours = await order(bridge)
        ringing = await rings(other)
        await until(lambda: "ringing" in ours.chronicle.timings)
        asked = await phone.invite(bridge.address, describe(line), change(named(ringing)))
        assert (await asked.final()).code == code
        assert ringing.inbox.empty()
        assert ringing.invite is not None
        ringing.reply(ringing.invite, "486 Busy Here")
        await ringing.expect("ACK")
    assert (await bridge.record())["outcome"]["cause"] == "busy"
