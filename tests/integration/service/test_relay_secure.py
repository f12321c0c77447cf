"""Two joined legs of one codec, one of them under SRTP, in packets of different lengths."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from deploy.ports import free_port
from rtp.packet import sequence_distance, timestamp_distance
from tests.support.caller import Phone
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.secure_line import SecureLine
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "127.0.0.2"
PORT = free_port()
CHANGES: dict[str, Any] = {
    "media": {"codecs": ["PCMU"]},
    "trunks": {"pbx": {"address": f"sip:{HOST}:{PORT}", "srtp": "optional"}},
    "routes": [{"to": "silent", "agent": "silent"}],
}


@pytest_asyncio.fixture(loop_scope="module")
async def other() -> AsyncIterator[Phone]:
    async with Phone(host=HOST, port=PORT) as phone:
        yield phone


@pytest.mark.parametrize("ptimes", [(20, 20), (10, 60), (60, 10), (30, 20)])
async def test_payloads_go_on_between_a_secure_leg_and_a_plain_one_whatever_becomes_of_them(
    bridge: Bridge, phone: Phone, other: Phone, ptimes: tuple[int, int]
) -> None:
    near = SecureLine()
    near.ptime = ptimes[0]
    async with near, Line(ptime=ptimes[1]) as far:
        call = await phone.invite(bridge.address, near.offer(), user="silent")
        answer = await call.expect(200)
        call.ack()
        near.agree(answer.body)
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "ben", "mode": "bridged"})
        second = await other.answer(far)
        assert second.invite is not None
        await until(lambda: bool(ours.transfers))
        near.talk(answer.media, pitch=1050)
        far.talk(second.invite.media, pitch=1330)
        await until(lambda: heard(far.heard()[-3200:], 1050, 1330) == {1050})
        for version, direction in ((2, "sendonly"), (3, "sendrecv")):
            offer = near.offer(version=version).replace("a=sendrecv", f"a={direction}")
            call.reinvite(offer)
            answer = await call.expect(200)
            call.ack()
            await far.listen(0.3)
        near.agree(answer.body)
        near._source, near._sequence, near._timestamp = 99, 5, 77  # another sender
        count = len(near.packets)
        await far.listen(0.5)
        await until(lambda: heard(near.heard()[-3200:], 1050, 1330) == {1330})
        assert heard(far.heard()[-3200:], 1050, 1330) == {1050}
        assert len(near.packets) > count
        assert {len(packet.payload) for packet in far.packets[-3:]} == {8 * ptimes[0]}
        assert {len(packet.payload) for packet in near.packets[-3:]} == {8 * ptimes[1]}
        for before, after in (*pairwise(near.packets), *pairwise(far.packets)):
            assert sequence_distance(after.sequence, before.sequence) == 1
            assert timestamp_distance(after.timestamp, before.timestamp) > 0
        assert near.stats.unauthenticated == near.stats.replayed == 0
        await call.hang_up()
        await second.ended()
