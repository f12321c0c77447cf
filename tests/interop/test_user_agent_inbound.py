"""Calls from SIPp, which is not ours, to the user agent on PJSIP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sip import (
    Answered,
    Digit,
    Direction,
    Ended,
    Headers,
    Leg,
    Media,
    MediaAddress,
    MediaNegotiated,
    Refusal,
    Stranger,
    UserAgent,
)
from sip.pjsua import version
from tests.support.exchange import SETTINGS, Exchange, exchange, next_event, until_ended
from tests.support.scenario import (
    ACCEPTED,
    ack,
    ack_failure,
    audio,
    cancel,
    invite,
    pause,
    recv,
    request,
    response,
    scenario,
    send,
)
from tests.support.sipp import Sipp, needs_sipp

pytestmark = [pytest.mark.interop, needs_sipp]

PCMU = audio()
PYPI_CALLS = 4
BYE = (send(request("BYE", 'Reason: Q.850;cause=16;text="Normal"', cseq=9)), recv(200))


def refused(code: int, *, offer: str = PCMU, headers: tuple[str, ...] = ()) -> str:
    return scenario(
        send(invite(offer, *headers)), recv(100, optional=True), recv(code), send(ack_failure())
    )


@pytest.fixture
async def ours() -> AsyncIterator[Exchange]:
    async with exchange() as running:
        yield running


def caller(ours: Exchange, *steps: str, **rest: object) -> Sipp:
    return Sipp(scenario(*steps), remote=ours.address, **rest)  # type: ignore[arg-type]


async def negotiated(ours: Exchange, *steps: str) -> tuple[list[Media], Sipp]:
    """What an answered call settled about its media, at first and again later."""
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.answer()
        events = await until_ended(leg)
        await sipp.done()
    return [event.media for event in events if isinstance(event, MediaNegotiated)], sipp


async def test_a_call_is_answered_with_our_media_address(ours: Exchange) -> None:
    steps = (send(invite(PCMU, "X-Account: 42", user="+442012345")), *ACCEPTED, pause(200), *BYE)
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        assert leg.invite is not None
        assert leg.invite.trunk == "pbx"
        assert leg.invite.to_user == "+442012345"
        assert (leg.invite.from_user, leg.invite.from_display) == ("ann", "Ann")
        assert leg.invite.headers["x-account"] == ("42",)
        assert leg.invite.source == ("127.0.0.2", sipp.port)
        assert leg.invite.transport == "udp"
        await leg.ring()
        await leg.answer({"X-Bridge": "yes"})
        events = await until_ended(leg)
        await sipp.done()
    assert [type(event) for event in events] == [MediaNegotiated, Answered, Ended]
    media, _, ended = events
    assert isinstance(media, MediaNegotiated)
    assert media.media.encoding == "PCMU"
    assert media.media.remote == ("127.0.0.2", 6000)
    assert media.media.event_payload_type == 101
    assert isinstance(ended, Ended)
    assert (ended.code, ended.q850, ended.remote) == (200, 16, True)
    answer = sipp.received("SIP/2.0 200")
    assert f"m=audio {ours.leased[0].port} RTP/AVP 0 101" in answer
    assert "c=IN IP4 127.0.0.1" in answer
    assert "X-Bridge: yes" in answer
    assert "Contact: <sip:uvbridge@{}:{}>".format(*ours.address) in answer


async def test_we_can_hang_up_first(ours: Exchange) -> None:
    steps = (send(invite(PCMU)), *ACCEPTED, recv("BYE"), send(response("200 OK", tag=False)))
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, Answered)
        await leg.hang_up(headers={"Reason": "Q.850;cause=16"})
        await leg.hang_up()
        ended = await leg.wait_ended()
        await sipp.done()
    assert (ended.code, ended.remote) == (200, False)
    assert "Reason: Q.850;cause=16" in sipp.received("BYE")


async def test_a_cancelled_call_ends_with_487(ours: Exchange) -> None:
    steps = (
        send(invite(PCMU)),
        recv(100, optional=True),
        recv(180),
        send(cancel()),
        recv(200),
        recv(487),
        send(ack_failure()),
    )
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.ring()
        ended = await leg.wait_ended()
        await sipp.done()
    assert (ended.code, ended.remote) == (487, True)
    assert "completed elsewhere" in ended.headers.first("Reason")


@pytest.mark.parametrize("code", [404, 486, 503, 603])
async def test_a_refusal_carries_its_code_and_headers(ours: Exchange, code: int) -> None:
    async with Sipp(refused(code), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.reject(code, headers={"Retry-After": "7"})
        ended = await leg.wait_ended()
        await sipp.done()
    assert (ended.code, ended.remote) == (code, False)
    assert "Retry-After: 7" in sipp.received(f"SIP/2.0 {code}")


async def test_a_stranger_gets_403_and_one_line(ours: Exchange) -> None:
    async with Sipp(refused(403), host="127.0.0.3", remote=ours.address, calls=5, rate=50) as sipp:
        await sipp.done()
    assert ours.legs.empty()
    assert ours.leased == []
    assert ours.agent.stats.strangers == 5
    told = [event for event in ours.events if isinstance(event, Stranger)]
    assert [(event.source, event.method, event.count) for event in told] == [
        ("127.0.0.3", "INVITE", 1)
    ]


async def test_without_a_media_address_the_call_is_refused() -> None:
    async with exchange(media=False) as ours, Sipp(refused(503), remote=ours.address) as sipp:
        await sipp.done()
        assert "Retry-After:" in sipp.received("SIP/2.0 503")
        assert ours.legs.empty()
        assert ours.agent.stats.refused == 1


async def test_an_error_on_the_sip_thread_costs_one_call_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    leases: list[MediaAddress | None] = [MediaAddress(host="127.0.0.1", port=40000)]
    legs: asyncio.Queue[Leg] = asyncio.Queue()
    agent = UserAgent(SETTINGS, on_invite=legs.put_nowait, lease=lambda peer: leases.pop(0))
    async with agent:
        remote = (agent.listening[0].host, agent.listening[0].port)
        async with Sipp(refused(480), remote=remote) as sipp:
            await (await legs.get()).hang_up()
            await sipp.done()
        async with Sipp(refused(500), remote=remote) as sipp:
            await sipp.done()
        leases.append(MediaAddress(host="127.0.0.1", port=40002))
        async with Sipp(refused(480), remote=remote) as sipp:
            await (await legs.get()).hang_up()
            await sipp.done()
    assert "IndexError" in caplog.text


async def test_while_nothing_is_admitted_invites_are_refused_at_once(ours: Exchange) -> None:
    ours.agent.set_admission(Refusal(code=503, reason="Draining", retry_after_s=9))
    async with Sipp(refused(503), remote=ours.address) as sipp:
        await sipp.done()
    assert "Retry-After: 9" in sipp.received("SIP/2.0 503")
    assert ours.leased == []
    ours.agent.set_admission(None)
    async with Sipp(refused(480), remote=ours.address) as sipp:
        leg = await ours.leg()
        await leg.hang_up()
        await sipp.done()


async def test_hold_resume_and_moved_media_are_told(ours: Exchange) -> None:
    held = audio(direction="sendonly", version=2)
    moved = audio(port=7000, version=3)
    inactive = audio(direction="inactive", port=7000, version=4)
    steps = (
        send(invite(PCMU)),
        *ACCEPTED,
        send(request("INVITE", body=held, cseq=2)),
        recv(100, optional=True),
        recv(200),
        send(ack(2)),
        send(request("INVITE", body=moved, cseq=3)),
        recv(100, optional=True),
        recv(200),
        send(ack(3)),
        send(request("UPDATE", body=inactive, cseq=4)),
        recv(200),
        *BYE,
    )
    found, sipp = await negotiated(ours, *steps)
    assert [media.direction for media in found] == [
        Direction.SENDRECV,
        Direction.RECVONLY,
        Direction.SENDRECV,
        Direction.INACTIVE,
    ]
    assert [media.held for media in found] == [False, True, False, True]
    assert [media.remote[1] for media in found] == [6000, 6000, 7000, 7000]
    ports = {
        line for text in sipp.messages("received") for line in text.split("\n") if "m=" in line
    }
    assert ports == {f"m=audio {ours.leased[0].port} RTP/AVP 0 101"}


async def test_media_moved_by_a_reinvite_that_asks_for_our_offer_is_told(ours: Exchange) -> None:
    moved = audio("8 101", port=7000, direction="sendonly", version=2)
    steps = (
        send(invite(PCMU)),
        *ACCEPTED,
        send(request("INVITE", cseq=2)),
        recv(100, optional=True),
        recv(200),
        send(ack(2, body=moved)),
        pause(100),
        *BYE,
    )
    found, _ = await negotiated(ours, *steps)
    assert [media.remote[1] for media in found] == [6000, 7000]
    assert [media.encoding for media in found] == ["PCMU", "PCMA"]
    assert [media.held for media in found] == [False, True]


async def test_an_old_style_hold_by_null_address_is_a_hold(ours: Exchange) -> None:
    held = audio(address="0.0.0.0", version=2)
    steps = (
        send(invite(PCMU)),
        *ACCEPTED,
        send(request("INVITE", body=held, cseq=2)),
        recv(100, optional=True),
        recv(200),
        send(ack(2)),
        *BYE,
    )
    found, _ = await negotiated(ours, *steps)
    assert [media.held for media in found] == [False, True]


async def test_an_invite_without_sdp_gets_our_offer(ours: Exchange) -> None:
    steps = (
        send(invite("")),
        recv(100, optional=True),
        recv(180),
        recv(200),
        send(ack(body=audio("8 101"))),
        pause(100),
        *BYE,
    )
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        assert leg.invite is not None
        assert leg.invite.offer == ""
        await leg.ring()
        await leg.answer()
        events = await until_ended(leg)
        await sipp.done()
    assert [type(event) for event in events] == [MediaNegotiated, Answered, Ended]
    assert isinstance(events[0], MediaNegotiated)
    assert events[0].media.encoding == "PCMA"
    offer = sipp.received("SIP/2.0 200")
    assert f"m=audio {ours.leased[0].port} RTP/AVP 0 8 101" in offer


VIDEO = """v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=video 6000 RTP/AVP 96
a=rtpmap:96 H264/90000
"""
GARBLED = "v=0\no=sipp\nm=audio none RTP/AVP zero\n"


@pytest.mark.parametrize(
    ("offer", "code"),
    [(VIDEO, 488), (audio("18"), 488), (GARBLED, 400)],
    ids=["video", "G729", "garbled"],
)
async def test_an_offer_we_cannot_use_is_refused_and_the_next_call_works(
    ours: Exchange, offer: str, code: int
) -> None:
    async with Sipp(refused(code, offer=offer), remote=ours.address) as sipp:
        await sipp.done()
    assert ours.legs.empty()
    steps = (send(invite(PCMU)), *ACCEPTED, *BYE)
    async with caller(ours, *steps) as sipp:
        await (await ours.leg()).answer()
        await sipp.done()


async def test_audio_is_taken_from_an_offer_that_also_has_video(ours: Exchange) -> None:
    both = PCMU.rstrip("\n") + "\nm=video 6002 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    steps = (send(invite(both)), *ACCEPTED, *BYE)
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await next_event(leg, MediaNegotiated)
        await sipp.done()
    answer = sipp.received("SIP/2.0 200")
    assert f"m=audio {ours.leased[0].port} " in answer
    assert "m=video 0 " in answer


async def test_our_preferred_codec_wins_over_the_order_of_the_offer() -> None:
    settings = replace(SETTINGS, codecs=("PCMA", "PCMU"))
    async with exchange(settings) as ours:
        steps = (send(invite(audio("0 8 101"))), *ACCEPTED, *BYE)
        async with caller(ours, *steps) as sipp:
            leg = await ours.leg()
            await leg.answer()
            negotiated = await next_event(leg, MediaNegotiated)
            await sipp.done()
        assert negotiated.media.encoding == "PCMA"
        assert " RTP/AVP 8 101" in sipp.received("SIP/2.0 200")


async def test_a_reliable_ringing_is_acknowledged_when_required(ours: Exchange) -> None:
    steps = (
        send(invite(PCMU, "Require: 100rel", "Supported: 100rel")),
        recv(100, optional=True),
        recv(180),
        send(request("PRACK", "RAck: 1 1 INVITE", cseq=2)),
        recv(200),
        recv(200),
        send(ack()),
        *BYE,
    )
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.ring()
        await asyncio.sleep(0.2)
        await leg.answer()
        events = await until_ended(leg)
        with pytest.raises(AssertionError):
            sipp.received("SIP/2.0 420")
    assert Answered in [type(event) for event in events]


async def test_early_media_can_be_offered_before_the_answer(ours: Exchange) -> None:
    steps = (send(invite(PCMU)), recv(100, optional=True), recv(183), recv(200), send(ack()), *BYE)
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.progress()
        await next_event(leg, MediaNegotiated)
        await leg.answer()
        await next_event(leg, Answered)
        await sipp.done()
    assert f"m=audio {ours.leased[0].port} " in sipp.received("SIP/2.0 183")


async def test_digits_by_info_are_told_once(ours: Exchange) -> None:
    relay = "Signal=5\r\nDuration=160\r\n"
    steps = (
        send(invite(PCMU)),
        *ACCEPTED,
        send(request("INFO", body=relay, kind="application/dtmf-relay", cseq=2)),
        recv(200),
        *BYE,
    )
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.answer()
        events = await until_ended(leg)
        await sipp.done()
    digits = [event for event in events if isinstance(event, Digit)]
    assert [(event.digit, event.duration_ms) for event in digits] == [("5", 160)]


async def test_options_is_answered(ours: Exchange) -> None:
    steps = (send(request("OPTIONS", in_dialog=False)), recv(200))
    async with caller(ours, *steps) as sipp:
        await sipp.done()
    assert "INVITE" in Headers([("Allow", sipp.received("SIP/2.0 200"))]).first("Allow")


async def test_a_session_timer_is_agreed_with_the_caller_as_refresher(ours: Exchange) -> None:
    timer = ("Supported: timer", "Session-Expires: 120;refresher=uac", "Min-SE: 90")
    refresh = ("Supported: timer", "Session-Expires: 120;refresher=uac")
    steps = (
        send(invite(PCMU, *timer)),
        *ACCEPTED,
        send(request("UPDATE", *refresh, cseq=2)),
        recv(200),
        *BYE,
    )
    async with caller(ours, *steps) as sipp:
        leg = await ours.leg()
        await leg.answer()
        await leg.wait_ended()
        await sipp.done()
    assert "Session-Expires: 120;refresher=uac" in sipp.received("SIP/2.0 200")


async def test_a_session_interval_too_small_gets_422(ours: Exchange) -> None:
    async with Sipp(
        refused(422, headers=("Supported: timer", "Session-Expires: 30")), remote=ours.address
    ) as sipp:
        await sipp.done()
    assert "Min-SE: 90" in sipp.received("SIP/2.0 422")


async def test_calls_that_are_up_when_the_user_agent_leaves_get_a_bye() -> None:
    steps = (send(invite(PCMU)), *ACCEPTED, recv("BYE"), send(response("200 OK", tag=False)))
    async with exchange() as ours:
        async with caller(ours, *steps) as sipp:
            leg = await ours.leg()
            await leg.answer()
            await next_event(leg, Answered)
            await ours.agent.__aexit__(None, None, None)
            await sipp.done()
        assert leg.ended is not None
        assert not leg.ended.remote


@pytest.mark.parametrize(
    ("method", "host", "code"),
    [
        ("MESSAGE", "127.0.0.3", 403),
        ("SUBSCRIBE", "127.0.0.3", 403),
        ("MESSAGE", "127.0.0.2", 405),
        ("SUBSCRIBE", "127.0.0.2", 489),
    ],
)
async def test_other_requests_than_calls_are_refused(
    ours: Exchange, method: str, host: str, code: int
) -> None:
    if method == "MESSAGE" and version().max_calls == PYPI_CALLS:
        pytest.skip("PJSIP before 2.16 says 200 to MESSAGE by itself")
    asking = request(method, "Event: presence", "Expires: 60", in_dialog=False)
    async with caller(ours, send(asking), recv(code), host=host) as sipp:
        await sipp.done()


async def test_more_calls_than_it_may_carry_are_refused() -> None:
    async with exchange(replace(SETTINGS, max_calls=1)) as ours:
        async with caller(ours, send(invite(PCMU)), *ACCEPTED, pause(500), *BYE) as first:
            leg = await ours.leg()
            await leg.answer()
            await next_event(leg, Answered)
            async with Sipp(refused(503), remote=ours.address) as second:
                await second.done()
                assert "Retry-After:" in second.received("SIP/2.0 503")
            await first.done()
        assert ours.agent.stats.refused == 1
