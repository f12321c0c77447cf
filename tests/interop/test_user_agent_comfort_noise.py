"""Comfort noise agreed on with SIPp, which is not ours, past a PJSIP that takes it for a codec."""

from dataclasses import replace

import pytest

from sip import Answered, ComfortNoise, Ended, LegEvent, Media, MediaAddress, MediaNegotiated
from sip.pjsua.build import CAN_DO_NOISE
from tests.support.exchange import HOME, PBX, SETTINGS, at, exchange, next_event, until_ended
from tests.support.scenario import (
    ACCEPTED,
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

pytestmark = [
    pytest.mark.interop,
    needs_sipp,
    pytest.mark.skipif(not CAN_DO_NOISE, reason="this PJSIP build has no comfort noise"),
]

MEDIA = MediaAddress(host=HOME, port=41000)
CODECS = ("opus", "G722", "PCMU", "PCMA")


def settled(events: list[LegEvent]) -> list[Media]:
    return [event.media for event in events if isinstance(event, MediaNegotiated)]


def formats(message: str) -> str:
    """The formats in a message's m= line."""
    (line,) = (line for line in message.splitlines() if line.startswith("m=audio"))
    return line.partition("RTP/AVP ")[2]


async def called(
    *steps: str, when: ComfortNoise = ComfortNoise.ANSWER
) -> tuple[list[LegEvent], Sipp]:
    """A call from SIPp that we answer: the leg's events, and what was said."""
    settings = replace(SETTINGS, codecs=CODECS, comfort_noise=when)
    async with (
        exchange(settings) as ours,
        Sipp(scenario(*steps), remote=ours.address) as sipp,
    ):
        leg = await ours.leg()
        await leg.answer()
        events = await until_ended(leg)
        await sipp.done()
    return events, sipp


async def calling(
    *steps: str, when: ComfortNoise = ComfortNoise.OFFER
) -> tuple[list[LegEvent], Sipp]:
    """A call of ours to SIPp: the leg's events, and what was said."""
    async with Sipp(scenario(recv_invite(), *steps)) as sipp:
        trunks = (at(PBX, sipp.host, sipp.port),)
        settings = replace(SETTINGS, codecs=CODECS, comfort_noise=when, trunks=trunks)
        async with exchange(settings) as ours:
            leg = await ours.agent.dial("pbx", "100", media=MEDIA)
            events: list[LegEvent] = []
            async for event in leg.events:
                events.append(event)
                if isinstance(event, Answered):
                    await leg.hang_up()
            await sipp.done()
    return events, sipp


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("0 13 101", "0 101 13"), ("13 0 101", "0 101 13"), ("8 13", "8 13"), ("13 9 0", "9 13")],
)
async def test_an_offer_of_comfort_noise_is_answered_with_it(offered: str, answered: str) -> None:
    events, sipp = await called(send(invite(audio(offered))), *ACCEPTED, pause(100), *BYE)
    (media,) = settled(events)
    assert media.comfort_noise
    answer = sipp.received("SIP/2.0 200")
    assert formats(answer) == answered
    assert answer.count("a=rtpmap:13 CN/8000") == 1


@pytest.mark.parametrize(
    ("offered", "when"), [("0 101", ComfortNoise.OFFER), ("13 0 101", ComfortNoise.OFF)]
)
async def test_silence_is_sent_where_only_one_side_would_have_comfort_noise(
    offered: str, when: ComfortNoise
) -> None:
    events, sipp = await called(send(invite(audio(offered))), *ACCEPTED, *BYE, when=when)
    (media,) = settled(events)
    assert not media.comfort_noise
    assert formats(sipp.received("SIP/2.0 200")) == "0 101"
    assert "CN/8000" not in sipp.received("SIP/2.0 200")


async def test_comfort_noise_of_8_khz_does_not_go_with_opus() -> None:
    offer = audio("13 96 101").rstrip() + "\na=rtpmap:96 opus/48000/2"
    events, sipp = await called(send(invite(offer)), *ACCEPTED, *BYE)
    (media,) = settled(events)
    assert (media.encoding, media.comfort_noise) == ("opus", False)
    assert formats(sipp.received("SIP/2.0 200")) == "96 101"


@pytest.mark.parametrize("offered", ["13", "13 101"])
async def test_an_offer_of_nothing_but_comfort_noise_is_refused(offered: str) -> None:
    steps = send(invite(audio(offered))), recv(100, optional=True), recv(488), send(ack_failure())
    settings = replace(SETTINGS, comfort_noise=ComfortNoise.OFFER)
    async with exchange(settings) as ours, Sipp(scenario(*steps), remote=ours.address) as sipp:
        await sipp.done()


async def test_comfort_noise_comes_and_goes_within_a_call() -> None:
    def again(cseq: int, offered: str) -> tuple[str, ...]:
        offer = audio(offered, version=cseq)
        return send(request("INVITE", body=offer, cseq=cseq)), *ACCEPTED[:3], send(ack(cseq))

    events, sipp = await called(
        send(invite(audio("0 101"))),
        *ACCEPTED,
        *again(2, "13 8 0 101"),
        *again(3, "8 101"),
        send(request("UPDATE", body=audio("8 13 101", version=4), cseq=4)),
        recv(200),
        *BYE,
    )
    noisy = [media.comfort_noise for media in settled(events)]
    assert noisy == [False, True, False, True]
    answers = [text for text in sipp.messages("received") if "m=audio" in text]
    assert [formats(text) for text in answers] == ["0 101", "0 101 13", "8 101", "8 101 13"]


@pytest.mark.parametrize(
    ("answered", "encoding", "agreed"),
    [
        ("0 13 101", "PCMU", True),
        ("13 0 101", "PCMU", True),
        ("13 9", "G722", True),
        ("8 101", "PCMA", False),
    ],
)
async def test_an_answer_settles_whether_our_offer_of_comfort_noise_holds(
    answered: str, encoding: str, agreed: bool
) -> None:
    answer = send(response("200 OK", body=audio(answered)))
    events, sipp = await calling(answer, recv("ACK"), *HEAR_BYE)
    (media,) = settled(events)
    assert (media.encoding, media.comfort_noise) == (encoding, agreed)
    offer = sipp.received("INVITE")
    assert formats(offer).endswith(" 13")
    assert offer.count("a=rtpmap:13 CN/8000") == 1


async def test_our_offers_have_no_comfort_noise_unless_told_to() -> None:
    answer = send(response("200 OK", body=audio("0 101")))
    _, sipp = await calling(answer, recv("ACK"), *HEAR_BYE, when=ComfortNoise.ANSWER)
    assert "13" not in formats(sipp.received("INVITE")).split()


@pytest.mark.parametrize("answered", ["13", "13 101"])
async def test_an_answer_without_a_codec_ends_that_call_alone(answered: str) -> None:
    answer = send(response("200 OK", body=audio(answered)))
    events, _ = await calling(answer, recv("ACK"), *HEAR_BYE)
    assert not settled(events)
    assert isinstance(events[-1], Ended)


async def test_our_own_reinvites_keep_comfort_noise() -> None:
    def again(direction: str) -> tuple[str, ...]:
        answer = audio("13 0 101", direction=direction)
        return recv("INVITE"), send(response("200 OK", body=answer, tag=False)), recv("ACK")

    answer = send(response("200 OK", body=audio("0 13 101")))
    steps = (recv_invite(), answer, recv("ACK"), *again("recvonly"), *again("sendrecv"), *HEAR_BYE)
    async with Sipp(scenario(*steps)) as sipp:
        trunks = (at(PBX, sipp.host, sipp.port),)
        settings = replace(SETTINGS, comfort_noise=ComfortNoise.OFFER, trunks=trunks)
        async with exchange(settings) as ours:
            leg = await ours.agent.dial("pbx", "100", media=MEDIA)
            await next_event(leg, Answered)
            await leg.hold()
            held = await next_event(leg, MediaNegotiated)
            await leg.resume()
            resumed = await next_event(leg, MediaNegotiated)
            await leg.hang_up()
            await sipp.done()
    assert held.media.comfort_noise
    assert resumed.media.comfort_noise
    offers = [text for text in sipp.messages("received") if text.startswith("INVITE")]
    assert len({formats(text) for text in offers}) <= 2
    assert all(formats(text).endswith(" 13") for text in offers)


async def test_an_answer_that_comes_in_the_ack_may_begin_with_comfort_noise() -> None:
    events, sipp = await called(
        send(invite("")),
        *(recv(100, optional=True), recv(180, optional=True), recv(200)),
        send(ack(body=audio("13 8 101"))),
        pause(100),
        *BYE,
        when=ComfortNoise.OFFER,
    )
    assert [media.encoding for media in settled(events)] == ["PCMA"]
    assert formats(sipp.received("SIP/2.0 200")).endswith(" 13")
