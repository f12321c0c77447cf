"""A telephone that rings for us, SIPp, picked up from another one, SIPp too (RFC 3891).

The bridge runs the order or the transfer; the telephone that rings is told to stop, or its answer
meets that on the way.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import Phone
from tests.support.scenario import (
    RING,
    ack,
    audio,
    invite,
    pause,
    recv,
    recv_invite,
    request,
    response,
    scenario,
    send,
)
from tests.support.service import Bridge, running
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, needs_sipp]

PCMU = audio("0 101")
KEEP_CSEQ = recv_invite().replace(
    "</action>",
    '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="number"/></action>',
)
USE_CSEQ = '<Reference variables="number"/>'


def to_invite(status: str, body: str = "") -> str:
    """A response to the INVITE, when something else has come since."""
    text = response(status, body=body).replace("[last_CSeq:]", "CSeq: [$number] INVITE")
    return send(text, retrans=0)


STOPPED = (
    recv("CANCEL"),
    send(response("200 OK"), retrans=0),
    to_invite("487 Request Terminated"),
    recv("ACK"),
)
CROSSED = (
    recv("CANCEL"),  # on its way when the telephone was answered
    to_invite("200 OK", PCMU),
    recv("ACK"),
    recv("BYE"),
    send(response("200 OK", tag=False), retrans=0),
)


def rings(*steps: str) -> str:
    return scenario(KEEP_CSEQ, RING, *steps, pause(100), USE_CSEQ)


async def replaces(ringing: Sipp) -> str:
    """The header that names the call which rings there, once it does."""
    await until(lambda: any(each.startswith("SIP/2.0 180") for each in ringing.messages("sent")))
    await asyncio.sleep(0.2)
    said = ringing.messages("sent")[0]
    found = [
        re.search(rf"^{name}:.*?{wanted}", said, re.MULTILINE)
        for name, wanted in (
            ("Call-ID", r"(\S+)\s*$"),
            ("To", r";tag=(\S+)"),
            ("From", r";tag=(\S+)"),
        )
    ]
    call_id, theirs, ours = (each[1] for each in found if each is not None)
    return f"Replaces: {call_id};to-tag={ours};from-tag={theirs};early-only"


async def pick_up(bridge: Bridge, ringing: Sipp) -> None:
    """Somebody picks it up, talks for a while, and hangs up."""
    steps = (
        send(invite(PCMU, await replaces(ringing), "Require: replaces", user="any")),
        recv(100, optional=True),
        recv(200),
        send(ack()),
        pause(500),
        send(request("BYE", cseq=9)),
        recv(200),
    )
    async with Sipp(scenario(*steps), host="127.0.0.3", remote=bridge.address) as picked:
        await picked.done()


def trunks(ringing: Sipp) -> dict[str, Any]:
    address = f"sip:{ringing.host}:{ringing.port}"
    pbx = {"hosts": ["127.0.0.2", "127.0.0.3"], "address": address, "accept_replaces": True}
    return {"trunks": {"pbx": pbx}}


@pytest.mark.parametrize("end", [STOPPED, CROSSED], ids=["stopped", "crossed"])
async def test_the_telephone_of_an_order(tmp_path: Path, end: tuple[str, ...]) -> None:
    async with (
        Sipp(rings(*end)) as ringing,
        running(tmp_path, trunks(ringing)) as bridge,
    ):
        await bridge.post("/v1/calls", {"to": "ann", "agent": "echo"})
        await pick_up(bridge, ringing)
        await ringing.done()
        record = await bridge.record()
        await bridge.idle()
    assert record["outcome"]["cause"] == "callee-hung-up"
    assert record["sound"]["sent"] > 5
    assert 'Reason: SIP;cause=200;text="Call completed elsewhere"' in ringing.received("CANCEL")


@pytest.mark.parametrize("end", [STOPPED, CROSSED], ids=["stopped", "crossed"])
async def test_the_telephone_of_a_transfer(tmp_path: Path, end: tuple[str, ...]) -> None:
    async with (
        Sipp(rings(*end)) as ringing,
        running(tmp_path, trunks(ringing)) as bridge,
        Phone() as phone,
        phone.call(bridge.address, user="silent") as caller,
    ):
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "ben", "mode": "bridged"})
        await pick_up(bridge, ringing)
        await ringing.done()
        await caller.ended()
        record = await bridge.record()
        await bridge.idle()
    assert record["outcome"]["cause"] == "callee-hung-up"
    assert [each["done"] for each in record["transfers"]] == [True]
