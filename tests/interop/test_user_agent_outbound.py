"""Calls from the user agent on PJSIP to SIPp, which is not ours."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from ipaddress import ip_network

import pytest

from deploy.ports import free_port
from sip import (
    Answered,
    Direction,
    Ended,
    Leg,
    LegState,
    Listen,
    MediaAddress,
    MediaNegotiated,
    Ringing,
    SipError,
)
from tests.support.exchange import (
    HOME,
    PBX,
    SETTINGS,
    Exchange,
    at,
    exchange,
    next_event,
    until_ended,
)
from tests.support.scenario import (
    ANSWER,
    HEAR_BYE,
    RING,
    audio,
    callee_request,
    pause,
    recv,
    recv_invite,
    refusing,
    response,
    scenario,
    send,
)
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.interop, needs_sipp]

MEDIA = MediaAddress(host=HOME, port=41000)
PCMU = audio("0 101")
THEIR_BYE = (
    send(callee_request("BYE", 'Reason: Q.850;cause=31;text="Normal, unspecified"')),
    recv(200),
)


async def dial(ours: Exchange, *, to: str = "+442012345", **rest: object) -> Leg:
    return await ours.agent.dial("pbx", to, media=MEDIA, **rest)  # type: ignore[arg-type]


def calling(callee: Sipp) -> AbstractAsyncContextManager[Exchange]:
    """A user agent whose trunk leads to that callee."""
    return exchange(replace(SETTINGS, trunks=(at(PBX, callee.host, callee.port),)))


async def against(*steps: str, **rest: object) -> tuple[list[object], Sipp]:
    """Dial a callee that does these steps and take all events of the leg."""
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours, **rest)  # type: ignore[arg-type]
        events = await until_ended(leg)
        await callee.done()
    return list(events), callee


async def test_a_call_is_answered_and_hung_up_by_the_callee() -> None:
    steps = (recv_invite(), send(response("100 Trying")), RING, *ANSWER, pause(100), *THEIR_BYE)
    events, callee = await against(*steps)
    assert [type(event) for event in events] == [Ringing, MediaNegotiated, Answered, Ended]
    ringing, negotiated, _, ended = events
    assert isinstance(ringing, Ringing)
    assert (ringing.code, ringing.early_media) == (180, False)
    assert isinstance(negotiated, MediaNegotiated)
    assert negotiated.media.remote == ("127.0.0.2", 6000)
    assert negotiated.media.direction is Direction.SENDRECV
    assert isinstance(ended, Ended)
    assert (ended.code, ended.q850, ended.remote) == (200, 31, True)
    offer = callee.received("INVITE")
    assert offer.startswith(f"INVITE sip:+442012345@127.0.0.2:{callee.port};transport=udp SIP/2.0")
    assert "m=audio 41000 RTP/AVP 0 8 101" in offer
    assert "Session-Expires: 1800" in offer


async def test_identity_headers_and_codecs_of_one_call_are_as_asked() -> None:
    _, callee = await against(
        *refusing("486 Busy Here"),
        from_user="+4420111",
        display='Ann "the" Agent',
        headers={"X-Account": "42"},
        codecs=("PCMA",),
    )
    offer = callee.received("INVITE")
    assert 'From: "Ann \\"the\\" Agent" <sip:+4420111@' in offer
    assert "X-Account: 42" in offer
    assert "m=audio 41000 RTP/AVP 8 101" in offer


async def test_a_number_cannot_add_parts_to_the_request() -> None:
    _, callee = await against(*refusing("404 Not Found"), to="100;evil=1?X-Evil=1 2@other")
    lines = callee.received("INVITE").split("\n")
    address = f"100;evil=1?X-Evil=1%202%40other@127.0.0.2:{callee.port}"
    assert lines[0] == f"INVITE sip:{address};transport=udp SIP/2.0"
    assert not [line for line in lines if line.startswith("X-Evil")]


async def test_we_hang_up_an_answered_call() -> None:
    steps = (recv_invite(), RING, *ANSWER, *HEAR_BYE)
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours)
        await next_event(leg, Answered)
        assert leg.state is LegState.CONFIRMED
        await leg.hang_up()
        ended = await leg.wait_ended()
        await callee.done()
        assert ours.agent.legs == {}
    assert (ended.code, ended.remote) == (200, False)


async def test_early_media_is_not_an_answer() -> None:
    progress = send(response("183 Session Progress", body=PCMU))
    events, _ = await against(
        recv_invite(), progress, pause(200), send(response("480 Gone")), recv("ACK")
    )
    kinds = [type(event) for event in events]
    assert Answered not in kinds
    assert kinds[0] is Ringing
    assert isinstance(events[0], Ringing)
    assert (events[0].code, events[0].early_media) == (183, True)
    assert isinstance(events[-1], Ended)
    assert events[-1].code == 480


async def test_an_answer_after_early_media_is_told() -> None:
    progress = send(response("183 Session Progress", body=PCMU))
    events, _ = await against(recv_invite(), progress, *ANSWER, pause(100), *THEIR_BYE)
    kinds = [type(event) for event in events]
    assert kinds.index(MediaNegotiated) < kinds.index(Answered)
    assert kinds.count(Answered) == 1


@pytest.mark.parametrize(
    "status", ["404 Not Found", "486 Busy Here", "488 No", "500 Oops", "603 Decline"]
)
async def test_a_refusal_is_told_with_its_code(status: str) -> None:
    events, _ = await against(*refusing(status, "Reason: Q.850;cause=17"))
    (ended,) = events
    assert isinstance(ended, Ended)
    assert f"{ended.code} {ended.reason}" == status
    assert (ended.q850, ended.remote) == (17, True)


async def test_a_redirection_is_not_followed() -> None:
    events, _ = await against(*refusing("302 Moved", "Contact: <sip:1@127.0.0.9>"))
    assert isinstance(events[-1], Ended)
    assert events[-1].code == 302
    assert "<sip:1@127.0.0.9>" in events[-1].headers["Contact"]


async def test_a_ringing_call_is_cancelled() -> None:
    steps = (
        recv_invite(),
        RING,
        recv("CANCEL"),
        send(response("200 OK", tag=False)),
    )
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours)
        await next_event(leg, Ringing)
        await leg.hang_up()
        ended = await leg.wait_ended()
        await callee.done()
    assert (ended.code, ended.remote) == (487, False)


async def test_a_reliable_ringing_is_acknowledged() -> None:
    reliable = send(response("180 Ringing", "Require: 100rel", "RSeq: 1"))
    acknowledged = (recv("PRACK"), send(response("200 OK", tag=False)))
    steps = (recv_invite(), reliable, *acknowledged)
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours)
        await next_event(leg, Ringing)
        await callee.done()
        await leg.hang_up()
    assert "RAck: 1 " in callee.received("PRACK")


async def test_we_can_hold_and_resume() -> None:
    hold = (
        recv("INVITE"),
        send(response("200 OK", body=audio("0 101", direction="recvonly"), tag=False)),
        recv("ACK"),
    )
    resume = (recv("INVITE"), send(response("200 OK", body=PCMU, tag=False)), recv("ACK"))
    steps = (recv_invite(), *ANSWER, *hold, *resume, *HEAR_BYE)
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours)
        await next_event(leg, Answered)
        await leg.hold()
        held = await next_event(leg, MediaNegotiated)
        await leg.resume()
        resumed = await next_event(leg, MediaNegotiated)
        await leg.hang_up()
        await callee.done()
    assert held.media.direction is Direction.SENDONLY
    assert not held.media.held
    assert resumed.media.direction is Direction.SENDRECV


async def test_info_is_sent_in_the_dialog() -> None:
    steps = (recv_invite(), *ANSWER, recv("INFO"), send(response("200 OK", tag=False)), *HEAR_BYE)
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours)
        await next_event(leg, Answered)
        await leg.send_info("application/dtmf-relay", "Signal=5\r\nDuration=100\r\n")
        await asyncio.sleep(0.2)
        await leg.hang_up()
        await callee.done()
    info = callee.received("INFO")
    assert "Content-Type: application/dtmf-relay" in info
    assert "Signal=5" in info


async def test_nobody_there_is_told_as_unreachable() -> None:
    nowhere = at(PBX, "127.0.0.2", free_port(), "tcp")
    settings = replace(
        SETTINGS,
        trunks=(nowhere,),
        listen=(*SETTINGS.listen, Listen(transport="tcp", host=HOME, port=0)),
    )
    async with exchange(settings) as ours:
        leg = await dial(ours)
        ended = await asyncio.wait_for(leg.wait_ended(), PATIENCE_S)
    assert (ended.code, ended.remote) == (503, False)


async def test_a_trunk_without_an_address_cannot_be_called() -> None:
    settings = replace(SETTINGS, trunks=(replace(PBX, hosts=(ip_network("10.0.0.0/8"),)),))
    async with exchange(settings) as ours:
        with pytest.raises(SipError, match="trunk pbx has no address"):
            await dial(ours)
        with pytest.raises(SipError, match="there is no trunk"):
            await ours.agent.dial("other", "1", media=MEDIA)
        assert ours.agent.legs == {}


async def test_nothing_can_be_dialled_once_it_has_stopped() -> None:
    async with exchange(replace(SETTINGS, trunks=(at(PBX, "127.0.0.2", 5999),))) as ours:
        pass
    with pytest.raises(SipError, match="has stopped"):
        await asyncio.wait_for(dial(ours), PATIENCE_S)


async def test_a_header_with_a_line_break_is_not_sent() -> None:
    async with exchange(replace(SETTINGS, trunks=(at(PBX, "127.0.0.2", 5999),))) as ours:
        with pytest.raises(SipError, match="line break"):
            await dial(ours, headers={"X-A": "1\r\nX-Evil: 2"})


async def test_a_call_over_tcp() -> None:
    listen = Listen(transport="tcp", host=HOME, port=0)
    steps = (recv_invite(), RING, *ANSWER, *HEAR_BYE)
    async with Sipp(scenario(*steps), transport="t1") as callee:
        trunk = at(PBX, callee.host, callee.port, "tcp")
        async with exchange(replace(SETTINGS, listen=(listen,), trunks=(trunk,))) as ours:
            leg = await dial(ours)
            await next_event(leg, Answered)
            await leg.hang_up()
            await callee.done()
    assert "Via: SIP/2.0/TCP" in callee.received("INVITE")
