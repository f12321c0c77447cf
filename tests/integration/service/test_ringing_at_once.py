"""Several telephones that ring at once for one caller, by a scenario."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from deploy.ports import free_port
from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
CHANGES: dict[str, Any] = {
    "trunks": {"pbx": {"address": f"sip:127.0.0.2:{PORT}"}},
    "routes": [{"agent": "silent", "scenario": "tests.support.scenes:rings_several"}],
}


@pytest_asyncio.fixture(loop_scope="module")
async def desks() -> AsyncIterator[Phone]:
    """Where both telephones are reached."""
    async with Phone(port=PORT) as phone:
        yield phone


async def test_who_answers_first_has_the_caller_and_the_others_ring_no_more(
    bridge: Bridge, phone: Phone, desks: Phone
) -> None:
    async with Line() as line, Line() as theirs:
        call = await phone.invite(bridge.address, describe(line))
        call.line = line
        patient, quick = await desks.called(), await desks.called()
        assert patient.invite is not None
        assert quick.invite is not None
        patient.reply(patient.invite, "180 Ringing")
        quick.reply(quick.invite, "180 Ringing")
        quick.reply(quick.invite, "200 OK", body=describe(theirs))
        await quick.expect("ACK")
        cancel = await patient.expect("CANCEL")
        patient.reply(cancel, "200 OK")
        patient.reply(patient.invite, "487 Request Terminated")
        await patient.expect("ACK")
        await call.expect(200)
        call.ack()
        theirs.talk(quick.invite.media, pitch=1330)
        await until(lambda: heard(line.heard()[-1600:], 1330) == {1330})
        await call.hang_up()
        await quick.ended()
    assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"


async def test_where_nobody_answers_the_caller_is_told(
    bridge: Bridge, phone: Phone, desks: Phone
) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line))
        for _ in range(2):
            await desks.refuse("486 Busy Here")
        await call.expect(480)


async def test_a_caller_who_gives_up_stops_all_of_them(
    bridge: Bridge, phone: Phone, desks: Phone
) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line))
        ringing = [await desks.called() for _ in range(2)]
        for each in ringing:
            assert each.invite is not None
            each.reply(each.invite, "180 Ringing")
        await until(lambda: len(bridge.service.calls) == 1)
        call.cancel()
        for each in ringing:
            cancel = await each.expect("CANCEL")
            each.reply(cancel, "200 OK")
            assert each.invite is not None
            each.reply(each.invite, "487 Request Terminated")
            await each.expect("ACK")
        await call.expect(200)
        await call.expect(487)
    assert (await bridge.record())["outcome"]["cause"] == "cancelled"
