"""Messages late, lost, crossing and repeated, from SIPp: each call comes to one end."""

from collections import Counter
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from sip import Answered, Ended, Leg, MediaAddress, MediaNegotiated, Ringing
from tests.support.caller import Message, Phone, SipCall
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
    ACCEPTED,
    ANSWER,
    BYE,
    HEAR_BYE,
    RING,
    ack,
    audio,
    callee_request,
    cancel,
    invite,
    pause,
    recv,
    recv_invite,
    request,
    response,
    scenario,
    send,
)
from tests.support.sipp import Sipp, needs_sipp

pytestmark = [pytest.mark.interop, needs_sipp]

MEDIA = MediaAddress(host=HOME, port=41000)
PCMU = audio("0 101")
DESCRIPTION = audio("0 101", address="127.0.0.2", family="4").replace("\n", "\r\n") + "\r\n"
HELD = audio("0 101", direction="recvonly", version=2)


def kinds(events: object) -> Counter[str]:
    """How often each kind of event came."""
    assert isinstance(events, list)
    return Counter(type(event).__name__ for event in events)


async def called_by(*steps: str) -> tuple[list[object], Sipp]:
    """Answer a caller that does these steps, and take all events of its leg."""
    async with exchange() as ours:
        async with Sipp(scenario(*steps), remote=ours.address) as caller:
            leg = await ours.leg()
            await leg.answer()
            events = await until_ended(leg)
            await caller.done()
        assert ours.agent.legs == {}
    return list(events), caller


def calling(callee: Sipp, **trunk: str) -> AbstractAsyncContextManager[Exchange]:
    """A user agent whose trunk leads to that callee."""
    pbx = replace(PBX, **trunk)  # type: ignore[arg-type]
    return exchange(replace(SETTINGS, trunks=(at(pbx, callee.host, callee.port),)))


async def dial(ours: Exchange) -> Leg:
    return await ours.agent.dial("pbx", "1000", media=MEDIA)


async def against(*steps: str, **trunk: str) -> tuple[list[object], Sipp]:
    """Dial a callee that does these steps, and take all events of the leg."""
    async with Sipp(scenario(*steps)) as callee, calling(callee, **trunk) as ours:
        leg = await dial(ours)
        events = await until_ended(leg)
        await callee.done()
        assert ours.agent.legs == {}
    return list(events), callee


# Callers.


async def test_an_answer_is_repeated_until_a_late_ack_comes() -> None:
    answered = (recv(100, optional=True), recv(200), pause(1300), send(ack()))
    events, caller = await called_by(send(invite(PCMU)), *answered, *BYE)
    assert kinds(events) == {"MediaNegotiated": 1, "Answered": 1, "Ended": 1}
    repeated = [each for each in caller.messages("received") if "CSeq: 1 INVITE" in each]
    assert len([each for each in repeated if each.startswith("SIP/2.0 200")]) >= 2


async def test_an_ack_that_comes_twice_answers_once() -> None:
    steps = (send(invite(PCMU)), *ACCEPTED, send(ack()), send(ack()), pause(100), *BYE)
    events, _ = await called_by(*steps)
    assert kinds(events) == {"MediaNegotiated": 1, "Answered": 1, "Ended": 1}


async def test_a_caller_who_never_acknowledges_gets_a_bye_in_the_end() -> None:
    answered = (recv(100, optional=True), recv(200))
    bye = (recv("BYE", timeout_ms=40_000), send(response("200 OK", tag=False)))
    async with exchange() as ours:
        steps = scenario(send(invite(PCMU)), *answered, *bye)
        async with Sipp(steps, remote=ours.address, timeout_s=45) as caller:
            leg = await ours.leg()
            await leg.answer()
            ended = await leg.wait_ended()
            await caller.done()
        assert ours.agent.legs == {}
    assert (ended.remote, ended.code) == (False, 408)


async def test_a_cancel_that_comes_after_the_answer_changes_nothing() -> None:
    answered = (recv(100, optional=True), recv(200), send(cancel()), recv(200), send(ack()))
    events, _ = await called_by(send(invite(PCMU)), *answered, pause(200), *BYE)
    assert kinds(events)["Answered"] == 1
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.code, ended.remote) == (200, True)


async def test_a_bye_before_the_ack_ends_the_call() -> None:
    answered = (recv(100, optional=True), recv(200))
    events, _ = await called_by(send(invite(PCMU)), *answered, *BYE)
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.code, ended.remote) == (200, True)


async def test_only_the_address_of_the_media_may_change() -> None:
    moved = PCMU.replace("c=IN IP[media_ip_type] [media_ip]", "c=IN IP4 127.0.0.9")
    again = (send(request("INVITE", body=moved, cseq=2)), recv(100, optional=True), recv(200))
    events, _ = await called_by(send(invite(PCMU)), *ACCEPTED, *again, send(ack(2)), *BYE)
    told = [each.media.remote for each in events if isinstance(each, MediaNegotiated)]
    assert told == [("127.0.0.2", 6000), ("127.0.0.9", 6000)]


async def test_a_second_offer_before_the_ack_of_the_first_is_to_be_tried_again() -> None:
    """RFC 3261 section 14.2."""
    first = (send(request("INVITE", body=HELD, cseq=2)), recv(100, optional=True), recv(200))
    second = (send(request("INVITE", body=PCMU, cseq=3), retrans=0), recv(500))
    steps = (send(invite(PCMU)), *ACCEPTED, *first, *second, send(ack(2)), pause(100), *BYE)
    events, caller = await called_by(*steps)
    assert "Retry-After:" in caller.received("SIP/2.0 500")
    assert isinstance(events[-1], Ended)
    assert events[-1].remote


async def test_offers_that_cross_are_both_pending() -> None:
    """RFC 3261 section 14.1: each side answers the other's with 491."""
    glare = (
        recv("INVITE"),
        send(request("INVITE", body=PCMU, cseq=2), retrans=0),
        recv(491),
        send(request("ACK", cseq=2)),
    )
    async with exchange() as ours:
        steps = scenario(send(invite(PCMU)), *ACCEPTED, *glare, pause(200), *BYE)
        async with Sipp(steps, remote=ours.address) as caller:
            leg = await ours.leg()
            await leg.answer()
            await next_event(leg, Answered)
            await leg.hold()
            ended = await leg.wait_ended()
            await caller.done()
        assert ours.agent.legs == {}
    assert (ended.code, ended.remote) == (200, True)


async def test_a_bye_that_crosses_our_offer_ends_the_call() -> None:
    crossing = (recv("INVITE"), *BYE)
    async with exchange() as ours:
        steps = scenario(send(invite(PCMU)), *ACCEPTED, *crossing)
        async with Sipp(steps, remote=ours.address) as caller:
            leg = await ours.leg()
            await leg.answer()
            await next_event(leg, Answered)
            await leg.hold()
            ended = await leg.wait_ended()
            await caller.done()
        assert ours.agent.legs == {}
    assert (ended.code, ended.remote) == (200, True)


# Callees.


def forked(status: str, tag: str, *headers: str, body: str = "") -> str:
    """A response to the INVITE from one of several telephones behind a proxy."""
    text = response(status, *headers, body=body)
    return send(text.replace("[pid]SIPpTag[call_number]", tag), retrans=0)


async def test_of_several_telephones_that_ring_the_one_that_answers_is_talked_to() -> None:
    early = audio("0 101", port=6002)
    steps = (
        recv_invite(),
        forked("183 Session Progress", "one", body=early),
        forked("183 Session Progress", "two", body=audio("0 101", port=6004)),
        pause(200),
        forked("200 OK", "three", body=audio("0 101", port=6006)),
        recv("ACK"),
        recv("BYE"),
        send(response("200 OK", tag=False)),
    )
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours)
        await next_event(leg, Ringing)
        await next_event(leg, Answered)
        assert leg.media is not None
        assert leg.media.remote[1] == 6006
        await leg.hang_up()
        await callee.done()
    for method in ("ACK", "BYE"):
        assert ";tag=three" in callee.received(method)


class Repeated(Phone):
    """Takes what arrives twice twice."""

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._seen.clear()
        super().datagram_received(data, address)


async def ringing(phone: Phone, ours: Exchange) -> tuple[Leg, SipCall, Message]:
    """A leg that is dialled, and the phone's side of it, with the INVITE."""
    leg = await dial(ours)
    call = await phone.called()
    assert call.invite is not None
    return leg, call, call.invite


def of_phone(phone: Phone) -> AbstractAsyncContextManager[Exchange]:
    return exchange(replace(SETTINGS, trunks=(at(PBX, *phone.address),)))


async def test_an_answer_that_is_repeated_is_acknowledged_again() -> None:
    async with Repeated() as phone, of_phone(phone) as ours:
        leg, call, asked = await ringing(phone, ours)
        for _ in range(3):
            call.reply(asked, "200 OK", body=DESCRIPTION)
            assert (await call.next()).method == "ACK"
        await call.hang_up()
        events = await until_ended(leg)
    assert kinds(events) == {"MediaNegotiated": 1, "Answered": 1, "Ended": 1}


async def test_a_second_telephone_that_answers_is_hung_up() -> None:
    """RFC 3261 section 13.2.2.4: each dialog is acknowledged, and one of them wanted."""
    async with Repeated() as phone, of_phone(phone) as ours:
        leg, call, asked = await ringing(phone, ours)
        call.reply(asked, "200 OK", body=DESCRIPTION)
        await call.expect("ACK")
        await next_event(leg, Answered)
        call.local = f"{call.local}-of-another"
        call.reply(asked, "200 OK", body=DESCRIPTION)
        told = [await call.next(), await call.next()]
        assert {each.method for each in told} == {"ACK", "BYE"}
        assert all(each["To"].endswith("-of-another") for each in told)
        assert leg.ended is None
        await leg.hang_up()
        assert not (await call.next())["To"].endswith("-of-another")


async def test_a_provisional_answer_out_of_order_is_not_acknowledged() -> None:
    """RFC 3262 section 4: its RSeq has to be the next one."""
    async with Phone() as phone, of_phone(phone) as ours:
        leg, call, asked = await ringing(phone, ours)
        acknowledged: list[str] = []
        for number in (1, 3, 2, 3):
            call.reply(asked, "180 Ringing", "Require: 100rel", f"RSeq: {number}")
            if number != 3 or len(acknowledged) == 2:
                prack = await call.expect("PRACK")
                call.reply(prack, "200 OK")
                acknowledged.append(prack["RAck"].split()[0])
        assert acknowledged == ["1", "2", "3"]
        call.reply(asked, "486 Busy Here")
        assert (await leg.wait_ended()).code == 486


async def test_an_offer_that_crossed_another_is_made_again() -> None:
    """RFC 3261 section 14.1."""
    async with Phone() as phone, of_phone(phone) as ours:
        leg, call, asked = await ringing(phone, ours)
        call.reply(asked, "200 OK", body=DESCRIPTION)
        await call.expect("ACK")
        await next_event(leg, Answered)
        await leg.hold()
        call.reply(await call.expect("INVITE"), "491 Request Pending")
        await call.expect("ACK")
        again = await call.expect("INVITE")
        assert "a=sendonly" in again.body
        call.reply(again, "200 OK", body=DESCRIPTION.replace("sendrecv", "recvonly"))
        await call.expect("ACK")
        await next_event(leg, MediaNegotiated)
        await call.hang_up()


@pytest.mark.parametrize("status", ["420 Bad Extension", "421 Extension Required", "481 No Call"])
async def test_odd_refusals_end_the_attempt(status: str) -> None:
    steps = (recv_invite(), send(response(status, "Unsupported: timer")), recv("ACK"))
    events, _ = await against(*steps)
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (f"{ended.code} {ended.reason}", ended.remote) == (status, True)


async def test_a_session_that_is_too_short_for_the_callee_is_offered_longer() -> None:
    steps = (
        recv_invite(),
        send(response("422 Session Interval Too Small", "Min-SE: 3600")),
        recv("ACK"),
        recv_invite(),
        RING,
        *ANSWER,
        pause(100),
        send(callee_request("BYE")),
        recv(200),
    )
    events, callee = await against(*steps)
    assert kinds(events)["Answered"] == 1
    again = [each for each in callee.messages("received") if each.startswith("INVITE")]
    assert "Session-Expires: 3600" in again[1]
    assert "Min-SE: 3600" in again[1]


CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="{nonce}", algorithm=MD5, qop="auth"'


async def test_what_asks_who_we_are_within_a_call_is_told() -> None:
    hold = (
        recv("INVITE"),
        send(response("401 Unauthorized", CHALLENGE.format(nonce="a"), tag=False)),
        recv("ACK"),
        recv("INVITE"),
        send(response("200 OK", body=HELD, tag=False)),
        recv("ACK"),
    )
    bye = (
        recv("BYE"),
        send(response("401 Unauthorized", CHALLENGE.format(nonce="b"), tag=False), retrans=0),
        recv("BYE"),
        send(response("200 OK", tag=False)),
    )
    steps = scenario(recv_invite(), *ANSWER, *hold, *bye)
    async with (
        Sipp(steps) as callee,
        calling(callee, username="ann", password="secret") as ours,
    ):
        leg = await dial(ours)
        await next_event(leg, Answered)
        await next_event(leg, MediaNegotiated) if leg.media is None else None
        await leg.hold()
        await next_event(leg, MediaNegotiated)
        await leg.hang_up()
        await callee.done()
    for method, nonce in (("INVITE", "a"), ("BYE", "b")):
        last = [each for each in callee.messages("received") if each.startswith(method)][-1]
        assert 'username="ann"' in last
        assert f'nonce="{nonce}"' in last


@pytest.mark.parametrize("parameter", [";lr", ";lr=on", ""])
async def test_requests_go_along_the_route_of_the_call(parameter: str) -> None:
    """RFC 3261 section 12.2.1.1: without lr the route is the Request-URI, the target the last."""
    route = f"<sip:[local_ip]:[local_port]{parameter}>"
    answer = response("200 OK", f"Record-Route: {route}", body=PCMU)
    steps = (recv_invite(), send(answer), recv("ACK"), *HEAR_BYE)
    async with Sipp(scenario(*steps)) as callee, calling(callee) as ours:
        leg = await dial(ours)
        await next_event(leg, Answered)
        await leg.hang_up()
        await callee.done()
    place = f"sip:{callee.host}:{callee.port}"
    for method in ("ACK", "BYE"):
        sent = callee.received(method)
        target, route = (place, "sip:callee@") if not parameter else ("sip:callee@", place)
        assert sent.startswith(f"{method} {target}")
        assert f"Route: <{route}" in sent
