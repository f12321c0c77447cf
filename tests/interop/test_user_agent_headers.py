"""Headers of ours and of theirs on every message of a call, redirection, and media that moves."""

from dataclasses import replace

import pytest

from sip import Answered, Ended, Headers, MediaAddress, MediaNegotiated, Ringing, SipError
from tests.support.exchange import HOME, PBX, SETTINGS, at, exchange, next_event, until_ended
from tests.support.referring import ANSWERED
from tests.support.scenario import (
    BYE,
    HEAR_BYE,
    ack,
    ack_failure,
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
from tests.support.sipp import Sipp, needs_sipp

pytestmark = [pytest.mark.interop, needs_sipp]

MEDIA = MediaAddress(host=HOME, port=41000)
CARRIED = {
    "X-Account": "42",
    "User-to-User": "48656c6c6f;encoding=hex;purpose=isdn-interwork",
    "Diversion": "<sip:+4420111@pbx>;reason=unconditional",
    "P-Asserted-Identity": "<sip:+4420222@pbx>",
    "History-Info": "<sip:+4420333@pbx>;index=1",
    "Referred-By": "<sip:ann@pbx>",
}
LINES = tuple(f"{name}: {value}" for name, value in CARRIED.items())


def carried(text: str) -> bool:
    """A message of ours holds them all, each once."""
    lines = text.split("\n")
    return all(lines.count(line) == 1 for line in LINES)


def told(headers: Headers) -> dict[str, str]:
    """Those of them that a message of theirs held."""
    return {name: headers.first(name) for name in CARRIED}


async def test_headers_of_an_inbound_call_go_both_ways() -> None:
    steps = (
        send(invite(audio(), *LINES)),
        recv(100, optional=True),
        recv(180),
        recv(183),
        recv(200),
        send(ack()),
        send(request("BYE", *LINES, cseq=9)),
        recv(200),
    )
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        assert leg.invite is not None
        assert told(leg.invite.headers) == CARRIED
        await leg.ring(CARRIED)
        await leg.progress(CARRIED)
        await leg.answer(CARRIED)
        ended = await leg.wait_ended()
        await sipp.done()
    assert told(ended.headers) == CARRIED
    for start in ("SIP/2.0 180", "SIP/2.0 183", "SIP/2.0 200"):
        assert carried(sipp.received(start)), start


async def test_headers_of_an_outbound_call_go_both_ways() -> None:
    steps = (
        recv_invite(),
        send(response("180 Ringing", *LINES)),
        send(response("183 Session Progress", *LINES, body=audio("0 101"))),
        send(response("200 OK", *LINES, body=audio("0 101"))),
        recv("ACK"),
        recv("BYE"),
        send(response("200 OK", tag=False)),
    )
    async with (
        Sipp(scenario(*steps)) as callee,
        exchange(replace(SETTINGS, trunks=(at(PBX, callee.host, callee.port),))) as ours,
    ):
        leg = await ours.agent.dial("pbx", "1000", media=MEDIA, headers=CARRIED)
        for code in (180, 183):
            ringing = await next_event(leg, Ringing)
            assert (ringing.code, told(ringing.headers)) == (code, CARRIED)
        answered = await next_event(leg, Answered)
        assert told(answered.headers) == CARRIED
        await leg.hang_up(headers=CARRIED)
        await leg.wait_ended()
        await callee.done()
    assert carried(callee.received("INVITE"))
    assert carried(callee.received("BYE"))


async def test_a_refusal_carries_headers() -> None:
    steps = (send(invite(audio())), recv(100, optional=True), recv(486), send(ack_failure()))
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.reject(486, headers=CARRIED)
        await leg.wait_ended()
        await sipp.done()
    assert carried(sipp.received("SIP/2.0 486"))


async def test_a_cancelled_call_carries_headers() -> None:
    steps = (
        recv_invite(),
        send(response("180 Ringing")),
        recv("CANCEL"),
        send(response("200 OK", tag=False), retrans=0),
    )
    async with (
        Sipp(scenario(*steps)) as callee,
        exchange(replace(SETTINGS, trunks=(at(PBX, callee.host, callee.port),))) as ours,
    ):
        leg = await ours.agent.dial("pbx", "1000", media=MEDIA)
        await next_event(leg, Ringing)
        await leg.hang_up(headers={"Reason": "SIP;cause=200"})
        ended = await leg.wait_ended()
        await callee.done()
    assert (ended.code, ended.remote) == (487, False)
    assert "Reason: SIP;cause=200" in callee.received("CANCEL")


async def test_a_header_cannot_add_lines_to_a_message() -> None:
    async with (
        exchange() as ours,
        Sipp(scenario(*ANSWERED, *HEAR_BYE), remote=ours.address) as sipp,
    ):
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, Answered)
        with pytest.raises(ValueError, match="line break"):
            await leg.refer("2000", headers={"X-A": "1\r\nX-Evil: 2"})
        await leg.hang_up()
        await leg.wait_ended()
        await sipp.done()


async def test_a_reason_cannot_add_lines_to_a_message() -> None:
    refused = (recv(100, optional=True), recv(603), send(ack_failure()))
    async with (
        exchange() as ours,
        Sipp(scenario(send(invite(audio())), *refused), remote=ours.address) as sipp,
    ):
        leg = await ours.leg()
        with pytest.raises(ValueError, match="line break"):
            await leg.reject(603, "No\r\nX-Evil: 2")
        await leg.reject(603, "No")
        await leg.wait_ended()
        await sipp.done()


@pytest.mark.parametrize("code", [300, 301, 302])
async def test_a_redirection_names_other_addresses(code: int) -> None:
    steps = (send(invite(audio())), recv(100, optional=True), recv(code), send(ack_failure()))
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        with pytest.raises(ValueError, match="redirection"):
            await leg.redirect([])
        with pytest.raises(SipError, match="port"):
            await leg.redirect(["sip:bob@host:port"])
        await leg.redirect(["2000", "sip:bob@127.0.0.9"], code, {"X-Why": "moved"})
        ended = await leg.wait_ended()
        await sipp.done()
    assert (ended.code, ended.remote) == (code, False)
    answer = sipp.received(f"SIP/2.0 {code}")
    assert "X-Why: moved" in answer
    contacts = [line for line in answer.split("\n") if line.startswith("Contact:")]
    assert contacts == ["Contact: <sip:2000@127.0.0.2>, <sip:bob@127.0.0.9>"]


async def test_a_redirection_of_theirs_tells_where_to_and_is_not_followed() -> None:
    contacts = ("Contact: <sip:1@127.0.0.9>;q=0.5", "Contact: <sip:2@127.0.0.8>")
    status = response("302 Moved Temporarily").replace(
        "Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>", "\n".join(contacts)
    )
    steps = (recv_invite(), send(status), recv("ACK"))
    async with (
        Sipp(scenario(*steps)) as callee,
        exchange(replace(SETTINGS, trunks=(at(PBX, callee.host, callee.port),))) as ours,
    ):
        leg = await ours.agent.dial("pbx", "1000", media=MEDIA)
        events = await until_ended(leg)
        await callee.done()
        assert ours.agent.stats.dialled == 1
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.code, ended.remote) == (302, True)
    assert ended.headers["Contact"] == ("<sip:1@127.0.0.9>;q=0.5", "<sip:2@127.0.0.8>")


def answered_again(direction: str) -> tuple[str, ...]:
    """A re-INVITE of ours, answered."""
    again = audio("0 101", direction=direction, version=2)
    return recv("INVITE"), send(response("200 OK", body=again, tag=False)), recv("ACK")


async def test_we_hold_a_caller_and_take_it_back() -> None:
    steps = (*ANSWERED, *answered_again("recvonly"), *answered_again("sendrecv"), *BYE)
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, Answered)
        await leg.hold()
        held = (await next_event(leg, MediaNegotiated)).media
        assert (held.direction.sends, held.direction.receives) == (True, False)
        await leg.resume()
        back = (await next_event(leg, MediaNegotiated)).media
        assert (back.direction.sends, back.direction.receives) == (True, True)
        await leg.wait_ended()
        await sipp.done()
    offers = [text for text in sipp.messages("received") if text.startswith("INVITE")]
    assert ["a=sendonly" in text for text in offers] == [True, False]


async def test_our_media_moves_with_a_new_offer_and_stays_moved() -> None:
    held = audio(direction="sendonly", version=2)
    steps = (
        *ANSWERED,
        *answered_again("sendrecv"),
        *answered_again("sendrecv"),
        send(request("INVITE", body=held, cseq=5)),
        recv(100, optional=True),
        recv(200),
        send(ack(5)),
        *BYE,
    )
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, Answered)
        await leg.reoffer(MediaAddress(host=HOME, port=45000))
        moved = (await next_event(leg, MediaNegotiated)).media
        assert "m=audio 45000 " in moved.local_sdp
        await leg.reoffer()
        await next_event(leg, MediaNegotiated)
        assert (await next_event(leg, MediaNegotiated)).media.held
        await leg.wait_ended()
        await sipp.done()
    texts = sipp.messages("received")
    ports = [line.split()[1] for text in texts for line in text.split("\n") if "m=audio" in line]
    assert ports == [str(ours.leased[0].port), "45000", "45000", "45000"]


async def test_a_new_offer_may_be_refused_and_the_call_goes_on() -> None:
    steps = (
        *ANSWERED,
        recv("INVITE"),
        send(response("488 Not Acceptable Here", tag=False)),
        recv("ACK"),
        pause(100),
        *BYE,
    )
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, Answered)
        await leg.reoffer(MediaAddress(host=HOME, port=45000))
        ended = await leg.wait_ended()
        await sipp.done()
    assert (ended.code, ended.remote) == (200, True)


async def test_media_flows_before_the_answer_and_goes_on_after_it() -> None:
    steps = (
        send(invite(audio())),
        recv(100, optional=True),
        recv(183),
        recv(200),
        send(ack()),
        *BYE,
    )
    async with exchange() as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.progress()
        early = (await next_event(leg, MediaNegotiated)).media
        await leg.answer()
        events = await until_ended(leg)
        await sipp.done()
    assert early.encoding == "PCMU"
    assert [type(event) for event in events][-2:] == [Answered, Ended]
    texts = (sipp.received("SIP/2.0 183"), sipp.received("SIP/2.0 200"))
    assert all(f"m=audio {ours.leased[0].port} " in text for text in texts)
