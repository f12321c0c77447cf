"""What every SIP stack owes the user agent: the same story told by PJSIP and by the fake."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sip import (
    Answered,
    Digit,
    Direction,
    Ended,
    Leg,
    LegEvent,
    LegState,
    MediaAddress,
    MediaNegotiated,
    Ringing,
    SipError,
    Stranger,
)
from tests.support.exchange import HOME, next_event, until_ended
from tests.support.play import STACKS, Act, Play

pytestmark = pytest.mark.interop


@pytest.fixture(params=STACKS)
async def play(request: pytest.FixtureRequest) -> AsyncIterator[Play]:
    async with request.param() as running:
        yield running


async def dial(play: Play) -> Leg:
    media = MediaAddress(host=HOME, port=41000)
    return await play.ours.agent.dial("pbx", "1000", media=media)


def kinds(events: list[LegEvent]) -> list[type[LegEvent]]:
    return [type(event) for event in events]


async def test_an_inbound_call_from_invite_to_bye(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_ANSWER, Act.HOLD, Act.DIGIT, Act.BYE)
    leg = await play.ours.leg()
    assert leg.invite is not None
    assert (leg.trunk, leg.invite.from_user, leg.invite.to_user) == ("pbx", "ann", "1000")
    assert leg.invite.headers.first("X-ACCOUNT") == "42"
    assert leg.invite.media == play.ours.leased[0]
    states = [leg.state]
    await leg.ring()
    states.append(leg.state)
    await leg.answer()
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [MediaNegotiated, Answered, MediaNegotiated, Digit, Ended]
    first, _, second, digit, ended = events
    assert isinstance(first, MediaNegotiated)
    assert isinstance(second, MediaNegotiated)
    assert (first.media.encoding, first.media.event_payload_type) == ("PCMU", 101)
    assert (first.media.held, second.media.held) == (False, True)
    assert second.media.direction is Direction.RECVONLY
    assert isinstance(digit, Digit)
    assert (digit.digit, digit.duration_ms) == ("5", 160)
    assert isinstance(ended, Ended)
    assert (ended.code, ended.q850, ended.remote) == (200, 16, True)
    assert [*states, leg.state] == [LegState.CALLING, LegState.RINGING, LegState.ENDED]
    assert play.ours.agent.legs == {}


async def test_we_hang_up_an_inbound_call(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_ANSWER, Act.HEAR_BYE)
    leg = await play.ours.leg()
    await leg.answer()
    await next_event(leg, Answered)
    await leg.hang_up(503, headers={"X-Why": "tired"})
    await leg.hang_up()
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.q850, ended.remote) == (200, None, False)


async def test_an_inbound_call_is_refused(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_REFUSAL)
    leg = await play.ours.leg()
    await leg.reject(404, "Nobody Here")
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.reason, ended.remote) == (404, "Nobody Here", False)
    with pytest.raises(SipError, match="over"):
        await leg.answer()


async def test_an_inbound_call_is_cancelled(play: Play) -> None:
    await play.begin(Act.INVITE, Act.CANCEL)
    leg = await play.ours.leg()
    await leg.ring()
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [Ended]
    assert isinstance(events[0], Ended)
    assert (events[0].code, events[0].remote) == (487, True)


async def test_a_stranger_is_turned_away(play: Play) -> None:
    await play.begin(Act.INVITE, Act.HEAR_REFUSAL, host="127.0.0.3")
    await play.done()
    assert play.ours.legs.empty()
    await asyncio.sleep(0)
    strangers = [event for event in play.ours.events if isinstance(event, Stranger)]
    assert [(event.source, event.method) for event in strangers] == [("127.0.0.3", "INVITE")]
    assert play.ours.agent.stats.strangers == 1


async def test_an_outbound_call_is_answered_and_hung_up_by_the_callee(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.RING, Act.ANSWER, Act.HANG_UP_AS_CALLEE)
    leg = await dial(play)
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [Ringing, MediaNegotiated, Answered, Ended]
    assert isinstance(events[0], Ringing)
    assert (events[0].code, events[0].early_media) == (180, False)
    assert isinstance(events[-1], Ended)
    assert (events[-1].code, events[-1].q850, events[-1].remote) == (200, 16, True)


async def test_we_hang_up_an_outbound_call(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.RING, Act.ANSWER, Act.HEAR_BYE)
    leg = await dial(play)
    await next_event(leg, Answered)
    assert leg.media is not None
    await leg.hang_up()
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.remote) == (200, False)


async def test_early_media_comes_before_a_refusal(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.EARLY_MEDIA, Act.BUSY)
    leg = await dial(play)
    events = await until_ended(leg)
    await play.done()
    assert kinds(events) == [Ringing, MediaNegotiated, Ended]
    assert isinstance(events[0], Ringing)
    assert events[0].early_media
    assert isinstance(events[-1], Ended)
    assert (events[-1].code, events[-1].q850, events[-1].remote) == (486, 16, True)


async def test_an_outbound_call_is_cancelled(play: Play) -> None:
    await play.begin(Act.HEAR_INVITE, Act.RING, Act.HEAR_CANCEL)
    leg = await dial(play)
    await next_event(leg, Ringing)
    await leg.hang_up()
    ended = await leg.wait_ended()
    await play.done()
    assert (ended.code, ended.remote) == (487, False)


async def test_an_unknown_trunk_cannot_be_dialled(play: Play) -> None:
    with pytest.raises(SipError, match="there is no trunk nowhere"):
        await play.ours.agent.dial("nowhere", "1", media=MediaAddress(host=HOME, port=41000))


async def test_the_sip_side_answers_while_it_runs(play: Play) -> None:
    assert await play.ours.agent.answers(8)
