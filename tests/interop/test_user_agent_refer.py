"""Transfers that we ask for: REFER to SIPp, which is not ours, and what it tells of the outcome."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sip import Answered, Ended, Leg, LegEvent, ReferProgress
from tests.support.exchange import exchange, next_event, until_ended
from tests.support.scenario import (
    ack,
    audio,
    invite,
    recv,
    request,
    response,
    scenario,
    send,
)
from tests.support.sipp import Sipp, needs_sipp

pytestmark = [pytest.mark.interop, needs_sipp]

ACCEPTED = (
    send(invite(audio())),
    recv(100, optional=True),
    recv(200),
    send(ack()),
)
REFER = recv("REFER")
ACCEPT = send(response("202 Accepted", tag=False), retrans=0)
BYE = (send(request("BYE", cseq=9)), recv(200))


def notify(status: str, *, cseq: int, state: str = "active;expires=60") -> tuple[str, str]:
    """A NOTIFY of the transfer, and its 200."""
    text = request(
        "NOTIFY",
        "Event: refer",
        f"Subscription-State: {state}",
        body=f"SIP/2.0 {status}\n" if status else "",
        kind="message/sipfrag;version=2.0",
        cseq=cseq,
    )
    return send(text), recv(200)


def final(status: str, *, cseq: int) -> tuple[str, str]:
    """The NOTIFY that ends the subscription."""
    return notify(status, cseq=cseq, state="terminated;reason=noresource")


@asynccontextmanager
async def call(*steps: str) -> AsyncIterator[tuple[Leg, Sipp]]:
    """A call that SIPp made and we answered, going on with these steps."""
    async with exchange() as ours, Sipp(scenario(*ACCEPTED, *steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, Answered)
        yield leg, sipp


async def transferred(*steps: str) -> tuple[list[tuple[int, str, bool]], list[LegEvent], str]:
    """Have SIPp transferred to 2000: what we were told, all events, and the REFER."""
    async with call(REFER, *steps) as (leg, sipp):
        await leg.refer("2000", headers={"X-Why": "asked"})
        events = await until_ended(leg)
        await sipp.done()
    told = [(e.code, e.reason, e.final) for e in events if isinstance(e, ReferProgress)]
    return told, events, sipp.received("REFER")


async def test_a_transfer_is_followed_to_its_success() -> None:
    told, events, refer = await transferred(
        ACCEPT,
        *notify("100 Trying", cseq=2),
        *notify("180 Ringing", cseq=3),
        *final("200 OK", cseq=4),
        *BYE,
    )
    assert told == [(100, "Trying", False), (180, "Ringing", False), (200, "OK", True)]
    assert isinstance(events[-1], Ended)
    assert "Refer-To: <sip:2000@127.0.0.2>" in refer
    assert "X-Why: asked" in refer
    assert refer.count("Referred-By:") == 1
