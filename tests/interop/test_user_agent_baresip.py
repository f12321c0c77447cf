"""Transfers with baresip, a telephone that is not ours, which follows and asks for them."""

from dataclasses import replace

import pytest

from sip import Answered, Leg, MediaAddress, ReferProgress, ReferRequested
from sip.pjsua.build import CAN_SCREEN
from tests.support.baresip import Baresip, needs_baresip
from tests.support.exchange import HOME, PBX, SETTINGS, Exchange, at, exchange, next_event

pytestmark = [pytest.mark.interop, needs_baresip]

MEDIA = MediaAddress(host=HOME, port=41000)


async def called(ours: Exchange) -> Leg:
    """A call of ours that baresip has answered."""
    leg = await ours.agent.dial("pbx", "phone", media=MEDIA)
    await next_event(leg, Answered)
    return leg


async def outcome(leg: Leg) -> list[tuple[int, bool]]:
    """Codes of a transfer's progress, to its end."""
    told: list[tuple[int, bool]] = []
    while not told or not told[-1][1]:
        progress = await next_event(leg, ReferProgress)
        told.append((progress.code, progress.final))
    return told


@pytest.mark.parametrize("code", [200, 486])
async def test_a_telephone_follows_our_transfer_and_tells_the_outcome(code: int) -> None:
    async with Baresip() as phone:
        trunk = at(PBX, phone.host, phone.port)
        async with exchange(replace(SETTINGS, trunks=(trunk,))) as ours:
            leg = await called(ours)
            host, port = ours.address
            await leg.refer(f"sip:2000@{host}:{port}")
            target = await ours.leg()
            assert target.invite is not None
            assert target.invite.to_user == "2000"
            if code == 200:
                await target.answer()
            else:
                await target.reject(code)
            told = await outcome(leg)
            assert told[-1] == (code, True)
            await target.hang_up()
            await leg.hang_up()
            await leg.wait_ended()


@pytest.mark.skipif(not CAN_SCREEN, reason="PyPI's build of PJSIP accepts no REFER")
async def test_a_telephone_asks_for_a_transfer_and_hears_the_outcome() -> None:
    async with Baresip() as phone:
        trunk = replace(at(PBX, phone.host, phone.port), accept_refer=True)
        async with exchange(replace(SETTINGS, trunks=(trunk,))) as ours:
            leg = await called(ours)
            await phone.event("CALL_ESTABLISHED")
            await phone.command("transfer", "sip:bob@127.0.0.9")
            asks = await next_event(leg, ReferRequested)
            assert asks.target == "sip:bob@127.0.0.9"
            await leg.notify_refer(180, "Ringing")
            await leg.notify_refer(200)
            ended = await leg.wait_ended()  # a transferred telephone leaves
            assert (ended.code, ended.remote) == (200, True)
