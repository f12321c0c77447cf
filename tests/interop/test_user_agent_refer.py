"""Transfers that we ask for: REFER to SIPp, which is not ours, and what it tells of the outcome."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import unquote

import pytest

from sip import Answered, Ended, Leg, LegEvent, ReferProgress, SipError
from sip.uri import tag_of
from tests.support.exchange import PBX, SETTINGS, exchange, next_event, until_ended
from tests.support.referring import ACCEPT, ANSWERED, final, notify, refuse
from tests.support.scenario import BYE, HEAR_BYE, pause, recv, response, scenario, send
from tests.support.sipp import Sipp, needs_sipp

pytestmark = [pytest.mark.interop, needs_sipp]

Told = list[tuple[int, str, bool]]


@asynccontextmanager
async def call(*steps: str) -> AsyncIterator[tuple[Leg, Sipp]]:
    """A call that SIPp made and we answered, going on with these steps."""
    secret = replace(PBX, username="bridge", password="s3cret")
    settings = replace(SETTINGS, trunks=(secret,))
    async with (
        exchange(settings) as ours,
        Sipp(scenario(*ANSWERED, *steps), remote=ours.address) as sipp,
    ):
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, Answered)
        yield leg, sipp


def told(events: list[LegEvent]) -> Told:
    assert isinstance(events[-1], Ended)
    return [(e.code, e.reason, e.final) for e in events if isinstance(e, ReferProgress)]


async def transferred(*steps: str) -> tuple[Told, Sipp]:
    """Have SIPp transferred to 2000: what we were told."""
    async with call(*steps) as (leg, sipp):
        await leg.refer("2000", headers={"X-Why": "asked"})
        events = await until_ended(leg)
        await sipp.done()
    return told(events), sipp


async def test_a_transfer_is_followed_to_its_success() -> None:
    progress, sipp = await transferred(
        *ACCEPT,
        *notify("100 Trying", cseq=2),
        *notify("180 Ringing", cseq=3),
        *final("200 OK", cseq=4),
        *BYE,
    )
    assert progress == [(100, "Trying", False), (180, "Ringing", False), (200, "OK", True)]
    refer = sipp.received("REFER")
    assert "Refer-To: <sip:2000@127.0.0.2>" in refer
    assert "X-Why: asked" in refer
    assert refer.count("Referred-By:") == 1


async def test_a_refused_transfer_leaves_the_call_as_it_was() -> None:
    async with call(*refuse("603 Decline"), *HEAR_BYE) as (leg, sipp):
        await leg.refer("sip:bob@127.0.0.9:5070;transport=tcp")
        progress = await next_event(leg, ReferProgress)
        assert (progress.code, progress.reason, progress.final) == (603, "Decline", True)
        assert leg.ended is None
        await leg.hang_up()
        await leg.wait_ended()
        await sipp.done()
    assert "Refer-To: <sip:bob@127.0.0.9:5070;transport=tcp>" in sipp.received("REFER")


async def test_a_transfer_to_a_busy_telephone_fails_with_its_code() -> None:
    progress, _ = await transferred(
        *ACCEPT, *notify("100 Trying", cseq=2), *final("486 Busy Here", cseq=3), *BYE
    )
    assert progress == [(100, "Trying", False), (486, "Busy Here", True)]


async def test_after_a_failed_transfer_there_can_be_another() -> None:
    first = (*ACCEPT, pause(300), *final("486 Busy Here", cseq=2))
    steps = (*first, *ACCEPT, *final("200 OK", cseq=3), *BYE)
    async with call(*steps) as (leg, sipp):
        await leg.refer("2000")
        with pytest.raises(SipError, match="under way"):
            await leg.refer("3000")
        assert (await next_event(leg, ReferProgress)).code == 486
        await leg.refer("3000")
        assert told(await until_ended(leg)) == [(200, "OK", True)]
        await sipp.done()


async def test_a_notify_with_a_final_status_is_the_end_though_the_subscription_goes_on() -> None:
    unsubscribed = (
        recv("SUBSCRIBE"),
        send(response("200 OK", "Expires: 0", tag=False), retrans=0),
        *BYE,
    )
    progress, _ = await transferred(*ACCEPT, *notify("200 OK", cseq=2), *unsubscribed)
    assert progress == [(200, "OK", True)]


async def test_a_subscription_that_ends_without_a_status_is_told_as_unknown() -> None:
    progress, _ = await transferred(*ACCEPT, *final("", cseq=2), *BYE)
    assert progress == [(0, "subscription ended: noresource", True)]


async def test_a_transfer_of_which_nothing_is_heard_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sip.transfer.FIRST_NOTIFY_S", 0.2)
    progress, _ = await transferred(*ACCEPT, pause(600), *BYE)
    assert progress == [(0, "no NOTIFY came", True)]


async def test_a_transfer_that_never_gets_further_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sip.transfer.OUTCOME_S", 0.2)
    progress, _ = await transferred(*ACCEPT, *notify("180 Ringing", cseq=2), pause(600), *BYE)
    assert progress == [(180, "Ringing", False), (0, "no NOTIFY came", True)]


async def test_a_caller_who_hangs_up_in_between_leaves_the_outcome_unknown() -> None:
    progress, _ = await transferred(*ACCEPT, *notify("100 Trying", cseq=2), *BYE)
    assert progress == [
        (100, "Trying", False),
        (0, "the leg ended before the outcome was told", True),
    ]


async def test_a_refer_is_sent_again_with_the_password_that_is_asked_for() -> None:
    challenge = 'Proxy-Authenticate: Digest realm="pbx", nonce="n1", algorithm=MD5'
    progress, sipp = await transferred(
        *refuse("407 Proxy Authentication Required", challenge),
        *ACCEPT,
        *final("200 OK", cseq=2),
        *BYE,
    )
    assert progress == [(200, "OK", True)]
    first, second = (text for text in sipp.messages("received") if text.startswith("REFER"))
    assert "Proxy-Authorization:" not in first
    assert 'Proxy-Authorization: Digest username="bridge"' in second


async def test_an_attended_transfer_names_the_dialog_to_replace() -> None:
    hears_bye = scenario(*ANSWERED, *HEAR_BYE)
    async with exchange() as ours, Sipp(hears_bye, remote=ours.address) as operator:
        second = await ours.leg()
        await second.answer()
        await next_event(second, Answered)
        steps = (*ANSWERED, *ACCEPT, *final("200 OK", cseq=2), *BYE)
        async with Sipp(scenario(*steps), remote=ours.address) as sipp:
            first = await ours.leg()
            await first.answer()
            await next_event(first, Answered)
            await first.refer("", replaces=second)
            assert told(await until_ended(first)) == [(200, "OK", True)]
            await sipp.done()
        await second.hang_up()
        await second.wait_ended()
        await operator.done()
        with pytest.raises(SipError, match="over"):
            await first.refer("2000", replaces=second)
    assert second.invite is not None
    answer = operator.received("SIP/2.0 200").split("\n")
    ours_there = next(tag_of(line) for line in answer if line.startswith("To:"))
    theirs = tag_of(second.invite.headers.first("From"))
    line = next(t for t in sipp.received("REFER").split("\n") if t.startswith("Refer-To:"))
    address, _, value = line.removeprefix("Refer-To: <").rstrip(">").partition("?Replaces=")
    assert address == f"sip:ann@127.0.0.2:{operator.port};transport=UDP"
    call_id = second.invite.sip_call_id
    assert unquote(value) == f"{call_id};to-tag={theirs};from-tag={ours_there}"
    assert not set(value) & set(";=@")


async def test_what_cannot_be_sent_is_said_at_once() -> None:
    hangs_up = (pause(300), *BYE)
    async with call(*hangs_up) as (leg, sipp):
        with pytest.raises(SipError, match="target"):
            await leg.refer("")
        with pytest.raises(SipError, match="Referred-By"):
            await leg.refer("2000", headers={"Referred-By": "<sip:me@x>"})
        with pytest.raises(SipError, match="no transfer"):
            await leg.notify_refer(180)
        assert told(await until_ended(leg)) == []
        await sipp.done()
