"""What every SIP stack owes a transfer: the same story told by PJSIP and by the fake."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sip import Answered, Ended, Leg, ReferProgress, ReferRequested, SipError
from sip.pjsua.build import CAN_SCREEN
from tests.support.exchange import PBX, next_event, until_ended
from tests.support.play import STACKS, Act, Play

pytestmark = pytest.mark.interop

OPEN = replace(PBX, accept_refer=True)


@pytest.fixture(params=STACKS)
async def play(request: pytest.FixtureRequest) -> AsyncIterator[Play]:
    async with request.param() as running:
        yield running


@pytest.fixture(params=STACKS)
async def open_play(request: pytest.FixtureRequest) -> AsyncIterator[Play]:
    if not CAN_SCREEN:
        pytest.skip("PyPI's build of PJSIP accepts no REFER")
    async with request.param(OPEN) as running:
        yield running


async def up(play: Play, *acts: Act) -> Leg:
    await play.begin(Act.INVITE, Act.HEAR_ANSWER, *acts)
    leg = await play.ours.leg()
    await leg.answer()
    await next_event(leg, Answered)
    return leg


@pytest.mark.parametrize(
    ("acts", "told"),
    [
        (
            (Act.TAKE_REFER, Act.TELL_TRYING, Act.TELL_RINGING, Act.TELL_OK),
            [(100, "Trying", False), (180, "Ringing", False), (200, "OK", True)],
        ),
        (
            (Act.TAKE_REFER, Act.TELL_TRYING, Act.TELL_BUSY),
            [(100, "Trying", False), (486, "Busy Here", True)],
        ),
        ((Act.REFUSE_REFER,), [(603, "Decline", True)]),
        (
            (Act.TAKE_REFER, Act.TELL_NOTHING),
            [(0, "subscription ended: noresource", True)],
        ),
        (
            (Act.TAKE_REFER, Act.TELL_TRYING),
            [(100, "Trying", False), (0, "the leg ended before the outcome was told", True)],
        ),
    ],
    ids=["answered", "busy", "refused", "untold", "hung up"],
)
async def test_a_transfer_is_followed_to_its_end(
    play: Play, acts: tuple[Act, ...], told: list[tuple[int, str, bool]]
) -> None:
    leg = await up(play, *acts, Act.BYE)
    await leg.refer("2000")
    events = await until_ended(leg)
    await play.done()
    progress = [e for e in events if isinstance(e, ReferProgress)]
    assert [(e.code, e.reason, e.final) for e in progress] == told
    assert isinstance(events[-1], Ended)


async def test_what_is_no_transfer_is_refused_at_once(play: Play) -> None:
    leg = await up(play, Act.HEAR_BYE)
    with pytest.raises(SipError, match="target"):
        await leg.refer("")
    with pytest.raises(SipError, match="no transfer"):
        await leg.notify_refer(200)
    await leg.hang_up()
    await leg.wait_ended()
    await play.done()
    with pytest.raises(SipError, match="over"):
        await leg.refer("2000")


async def test_a_call_that_is_not_up_cannot_be_transferred(play: Play) -> None:
    await play.begin(Act.INVITE, Act.CANCEL)
    leg = await play.ours.leg()
    with pytest.raises(SipError, match="is up"):
        await leg.refer("2000")
    await leg.ring()
    await leg.wait_ended()
    await play.done()


async def test_nobody_has_us_call_others_by_default(play: Play) -> None:
    leg = await up(play, Act.ASK_REFER, Act.HEAR_DECLINE, Act.BYE)
    events = await until_ended(leg)
    await play.done()
    assert [type(event) for event in events] == [Ended]
    assert play.ours.agent.stats.refers_declined == 1


async def test_a_transfer_that_is_allowed_is_asked_for_and_answered_for(open_play: Play) -> None:
    acts = (Act.ASK_REFER, Act.HEAR_ACCEPTED, Act.HEAR_NOTIFY, Act.HEAR_NOTIFY, Act.BYE)
    leg = await up(open_play, *acts)
    asks = await next_event(leg, ReferRequested)
    assert (asks.target, asks.replaces) == ("sip:bob@127.0.0.9", False)
    await leg.notify_refer(180, "Ringing")
    await leg.notify_refer(200)
    await until_ended(leg)
    await open_play.done()
