"""Transfers that others ask us for: REFER and Replaces from SIPp, and the policy of a trunk."""

import asyncio
from dataclasses import replace

import pytest

from sip import Answered, Leg, ReferRequested, Refusal, SipError
from sip.pjsua.build import CAN_SCREEN
from sip.uri import tag_of
from tests.support.exchange import PBX, SETTINGS, Exchange, exchange, next_event, until_ended
from tests.support.referring import ANSWERED, heard, refer
from tests.support.scenario import (
    BYE,
    HEAR_BYE,
    ack,
    ack_failure,
    audio,
    invite,
    pause,
    recv,
    request,
    response,
    scenario,
    send,
)
from tests.support.sipp import Sipp, needs_sipp

pytestmark = [
    pytest.mark.interop,
    needs_sipp,
    pytest.mark.skipif(not CAN_SCREEN, reason="PyPI's build of PJSIP decides these by itself"),
]

TO_BOB = "Refer-To: <sip:bob@127.0.0.9>"
OPEN = replace(SETTINGS, trunks=(replace(PBX, accept_refer=True, accept_replaces=True),))


async def up(ours: Exchange) -> Leg:
    """The next inbound leg, answered."""
    leg = await ours.leg()
    await leg.answer()
    await next_event(leg, Answered)
    return leg


async def test_a_refer_is_declined_unless_the_trunk_may() -> None:
    steps = (*ANSWERED, refer(TO_BOB), recv(603), *BYE)
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await up(ours)
        events = await until_ended(leg)
        await sipp.done()
        assert not [event for event in events if isinstance(event, ReferRequested)]
        assert ours.agent.stats.refers_declined == 1
        assert ours.agent.stats.dialled == 0


async def test_a_refer_that_is_allowed_is_told_and_answered_for() -> None:
    asked = refer(TO_BOB, "Referred-By: <sip:ann@pbx>", "X-Why: tired")
    steps = (*ANSWERED, asked, recv(202), *heard(3), *BYE)
    async with exchange(OPEN) as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await up(ours)
        asks = await next_event(leg, ReferRequested)
        assert (asks.target, asks.referred_by) == ("sip:bob@127.0.0.9", "<sip:ann@pbx>")
        assert asks.replaces is False
        assert dict(asks.invite_headers) == {"Referred-By": "<sip:ann@pbx>"}
        assert asks.headers.first("X-Why") == "tired"
        await leg.notify_refer(180, "Ringing")
        await leg.notify_refer(486, "Busy Here")
        await until_ended(leg)
        await sipp.done()
        assert ours.agent.stats.dialled == 0
        with pytest.raises(SipError, match="over"):
            await leg.notify_refer(200)
    notifies = [text for text in sipp.messages("received") if text.startswith("NOTIFY")]
    assert [text.strip().split("\n")[-1] for text in notifies] == [
        "SIP/2.0 100 Trying",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 486 Busy Here",
    ]
    states = [t for text in notifies for t in text.split("\n") if t.startswith("Subscription-St")]
    assert [state.split()[1].partition(";")[0] for state in states] == [
        "active",
        "active",
        "terminated",
    ]
    assert all("Event: refer" in text for text in notifies)


async def test_after_the_outcome_was_told_there_is_nothing_more_to_tell() -> None:
    steps = (*ANSWERED, refer(TO_BOB), recv(202), *heard(2), pause(100), *BYE)
    async with exchange(OPEN) as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await up(ours)
        await next_event(leg, ReferRequested)
        await leg.notify_refer(200)
        with pytest.raises(SipError, match="no more"):
            await leg.notify_refer(200)
        await until_ended(leg)
        await sipp.done()


async def test_while_one_transfer_is_under_way_another_is_refused() -> None:
    steps = (*ANSWERED, refer(TO_BOB), recv(202), *heard(), refer(TO_BOB, cseq=3), recv(491), *BYE)
    async with exchange(OPEN) as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await up(ours)
        events = await until_ended(leg)
        await sipp.done()
    assert len([event for event in events if isinstance(event, ReferRequested)]) == 1


async def test_a_call_that_is_not_up_yet_is_not_transferred() -> None:
    steps = (
        send(invite(audio())),
        recv(100, optional=True),
        recv(180),
        refer(TO_BOB),
        recv(491),
        recv(200),
        send(ack()),
        *BYE,
    )
    async with exchange(OPEN) as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.ring()
        await asyncio.sleep(0.2)
        await leg.answer()
        events = await until_ended(leg)
        await sipp.done()
    assert not [event for event in events if isinstance(event, ReferRequested)]


async def test_we_may_hang_up_before_the_outcome_is_known() -> None:
    steps = (*ANSWERED, refer(TO_BOB), recv(202), *heard(), *HEAR_BYE)
    async with exchange(OPEN) as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await up(ours)
        await next_event(leg, ReferRequested)
        await asyncio.sleep(0.1)
        await leg.hang_up()
        await leg.wait_ended()
        await sipp.done()


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (TO_BOB, "Refer-To: <sip:eve@127.0.0.9>"),
        ("Refer-To: <http://127.0.0.9/>",),
        ("Refer-To: <sip:>",),
        ("Refer-To: garbage",),
        ("Refer-To: <sip:bob@127.0.0.9?Replaces=nothing>",),
    ],
    ids=["none", "two", "http", "empty", "garbage", "replaces"],
)
async def test_a_refer_that_names_nobody_is_refused(headers: tuple[str, ...]) -> None:
    steps = (*ANSWERED, refer(*headers), recv(400), *BYE)
    async with exchange(OPEN) as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await up(ours)
        events = await until_ended(leg)
        await sipp.done()
    assert not [event for event in events if isinstance(event, ReferRequested)]


@pytest.mark.parametrize(("host", "code"), [("127.0.0.2", 603), ("127.0.0.3", 403)])
async def test_a_refer_outside_of_any_call_is_refused(host: str, code: int) -> None:
    steps = (refer(TO_BOB, cseq=1, in_dialog=False), recv(code))
    async with exchange(OPEN) as ours:
        async with Sipp(scenario(*steps), host=host, remote=ours.address) as sipp:
            await sipp.done()
        stats = ours.agent.stats
        assert (stats.refers_declined, stats.strangers) == ((1, 0) if code == 603 else (0, 1))


def replaces(leg: Leg, sipp: Sipp) -> str:
    """Our leg, as the other side names its dialog."""
    assert leg.invite is not None
    answer = sipp.received("SIP/2.0 200").split("\n")
    ours = next(tag_of(line) for line in answer if line.startswith("To:"))
    theirs = tag_of(leg.invite.headers.first("From"))
    return f"{leg.invite.sip_call_id};to-tag={ours};from-tag={theirs}"


async def test_an_attended_transfer_to_another_leg_of_ours_names_it() -> None:
    async with (
        exchange(OPEN) as ours,
        Sipp(scenario(*ANSWERED, *HEAR_BYE), remote=ours.address) as other,
    ):
        second = await up(ours)
        named = replaces(second, other)
        escaped = named.replace("@", "%40").replace(";", "%3B").replace("=", "%3D")
        asked = refer(f"Refer-To: <sip:us@127.0.0.1?Replaces={escaped}>")
        steps = (*ANSWERED, asked, recv(202), *heard(2), *BYE)
        async with Sipp(scenario(*steps), remote=ours.address) as sipp:
            first = await up(ours)
            asks = await next_event(first, ReferRequested)
            assert (asks.target, asks.replaces) == ("sip:us@127.0.0.1", second.id)
            assert asks.invite_headers["Replaces"] == named
            await first.notify_refer(200)
            await until_ended(first)
            await sipp.done()
        await second.hang_up()
        await other.done()


def replacing(value: str, code: int) -> str:
    """An INVITE with Replaces, refused."""
    opening = send(invite(audio(), f"Replaces: {value}", "Require: replaces"))
    return scenario(opening, recv(100, optional=True), recv(code), send(ack_failure()))


async def test_an_invite_that_replaces_a_call_is_declined_unless_the_trunk_may() -> None:
    async with (
        exchange() as ours,
        Sipp(scenario(*ANSWERED, *HEAR_BYE), remote=ours.address) as sipp,
    ):
        leg = await up(ours)
        async with Sipp(replacing(replaces(leg, sipp), 603), remote=ours.address) as other:
            await other.done()
        assert ours.agent.stats.replaces_declined == 1
        assert ours.legs.empty()
        assert leg.ended is None
        await leg.hang_up()
        await sipp.done()


async def test_an_invite_that_replaces_a_call_names_its_leg() -> None:
    async with (
        exchange(OPEN) as ours,
        Sipp(scenario(*ANSWERED, *HEAR_BYE), remote=ours.address) as sipp,
    ):
        first = await up(ours)
        opening = send(invite(audio(), f"Replaces: {replaces(first, sipp)}", "Require: replaces"))
        steps = (opening, recv(100, optional=True), recv(200), send(ack()), *HEAR_BYE)
        async with Sipp(scenario(*steps), remote=ours.address) as other:
            second = await up(ours)
            assert second.invite is not None
            assert second.invite.replaces == first.id
            assert first.ended is None
            await first.hang_up()
            await first.wait_ended()
            await sipp.done()
            assert second.ended is None
            await second.hang_up()
            await other.done()


@pytest.mark.parametrize(
    ("value", "code"),
    [("nobody;to-tag=a;from-tag=b", 481), ("nobody", 400)],
)
async def test_an_invite_that_replaces_nothing_of_ours_is_refused(value: str, code: int) -> None:
    async with (
        exchange(OPEN) as ours,
        Sipp(replacing(value, code), remote=ours.address) as sipp,
    ):
        await sipp.done()
        assert ours.legs.empty()
        assert ours.leased == []


async def test_a_stranger_replaces_nothing() -> None:
    value = "nobody;to-tag=a;from-tag=b"
    async with exchange(OPEN) as ours:
        async with Sipp(replacing(value, 403), host="127.0.0.3", remote=ours.address) as sipp:
            await sipp.done()
        assert ours.agent.stats.strangers == 1


async def test_while_nothing_is_admitted_options_say_so() -> None:
    options = send(request("OPTIONS", in_dialog=False))
    async with exchange() as ours:
        async with Sipp(scenario(options, recv(200)), remote=ours.address) as sipp:
            await sipp.done()
        ours.agent.set_admission(Refusal(code=503, reason="Draining", retry_after_s=9))
        async with Sipp(scenario(options, recv(503)), remote=ours.address) as sipp:
            await sipp.done()
        assert "Retry-After: 9" in sipp.received("SIP/2.0 503 Draining")
        ours.agent.set_admission(None)
        async with Sipp(scenario(options, recv(200)), remote=ours.address) as sipp:
            await sipp.done()


async def test_a_call_hung_up_before_its_ack_gets_a_bye_with_our_headers_after_it() -> None:
    steps = (
        send(invite(audio())),
        recv(100, optional=True),
        recv(200),
        pause(300),
        send(ack()),
        recv("BYE"),
        send(response("200 OK", tag=False)),
    )
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await leg.hang_up(headers={"Reason": 'Q.850;cause=16;text="done"'})
        ended = await leg.wait_ended()
        assert (ended.code, ended.remote) == (200, False)
        await sipp.done()
    byes = [text for text in sipp.messages("received") if text.startswith("BYE")]
    assert len(byes) == 1
    assert 'Reason: Q.850;cause=16;text="done"' in byes[0]
