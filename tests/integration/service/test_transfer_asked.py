"""Transfers that the other side asks for: REFER, and INVITE with Replaces."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bridge.call import CallState
from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge
from tests.support.sipp import free_port
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port("127.0.0.2")
CHANGES: dict[str, Any] = {
    "trunks": {
        "pbx": {
            "address": f"sip:127.0.0.2:{PORT}",
            "accept_refer": True,
            "accept_replaces": True,
        }
    },
    "routes": [{"to": name, "agent": name} for name in ("silent", "echo")],
}


@pytest_asyncio.fixture(loop_scope="module")
async def other() -> AsyncIterator[Phone]:
    async with Phone(port=PORT) as phone:
        yield phone


async def test_whom_a_caller_refers_to_takes_its_place_with_the_agent(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call, Line() as line:
        ours = await bridge.call()
        await until(lambda: ours.state is CallState.ANSWERED)
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
        await second.hang_up()
    assert (await bridge.record())["outcome"]["cause"] == "callee-hung-up"


async def test_a_caller_who_refers_to_somebody_busy_is_told_and_stays(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.call()
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
        ours = await bridge.call()
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
