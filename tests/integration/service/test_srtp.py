"""Calls under SRTP: keys agreed on, changed, wrong, and lines that nobody can keep to."""

import contextlib
import os
from collections.abc import AsyncIterator

import pytest

from rtp.srtp import Keys, Srtp
from rtp.stats import StreamStats
from tests.support.caller import Phone, SipCall
from tests.support.pitch import heard
from tests.support.secure_line import SecureLine, has_suite
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = {"trunks": {"pbx": {"srtp": "optional"}}}
GCM = [
    pytest.param(suite, marks=pytest.mark.skipif(not has_suite(suite), reason="PyPI's PJSIP build"))
    for suite in ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM")
]
SUITES = [
    "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
    *GCM,
]


@contextlib.asynccontextmanager
async def secure(
    bridge: Bridge, phone: Phone, line: SecureLine, *lines: str
) -> AsyncIterator[SipCall]:
    """An answered call that talks at 1050 Hz."""
    async with line:
        call = await phone.invite(bridge.address, line.offer(*lines), user="echo")
        call.line = line
        answer = await call.expect(200)
        call.ack()
        line.agree(answer.body)
        line.talk(answer.media, pitch=1050)
        yield call
        if not call.over:
            await call.hang_up()


@pytest.mark.parametrize("suite", SUITES)
async def test_the_agent_is_heard_over_each_suite(bridge: Bridge, phone: Phone, suite: str) -> None:
    line = SecureLine(suite)
    async with secure(bridge, phone, line) as call:
        ours = await bridge.call()
        await line.speech()
        assert heard(await line.listen(0.3), 1050) == {1050}
        assert ours.first.media is not None
        assert ours.first.media.crypto is not None
        assert ours.first.media.crypto.suite == suite
        stats = ours.first.stream.stats
        assert stats.unauthenticated == stats.replayed == line.stats.unauthenticated == 0
        assert not call.over


async def test_keys_change_in_a_reinvite_and_the_talk_goes_on(bridge: Bridge, phone: Phone) -> None:
    line = SecureLine()
    async with secure(bridge, phone, line) as call:
        await line.speech()
        line.change("AES_256_CM_HMAC_SHA1_80")
        call.reinvite(line.offer(version=2))
        answer = await call.expect(200)
        call.ack()
        assert line.agree(answer.body) == (1, "AES_256_CM_HMAC_SHA1_80")
        line.pitch = 1330
        await line.listen(0.2)
        assert heard(await line.listen(0.3), 1050, 1330) == {1330}
        ours = await bridge.call()
        assert ours.first.stream.stats.lost == 0


async def test_what_is_said_under_new_keys_as_the_answer_arrives_is_not_lost(
    bridge: Bridge, phone: Phone
) -> None:
    line = SecureLine()
    async with secure(bridge, phone, line) as call:
        await line.speech()
        ours = await bridge.call()
        for version in range(2, 6):
            line.change(line.suite)
            call.reinvite(line.offer(version=version))
            answer = await call.expect(200)
            call.ack()
            line.agree(answer.body)
            line.say_now()
            await line.listen(0.1)
        assert ours.first.stream.stats.lost == 0


async def test_the_same_keys_in_a_reinvite_change_nothing(bridge: Bridge, phone: Phone) -> None:
    line = SecureLine()
    async with secure(bridge, phone, line) as call:
        await line.speech()
        ours = await bridge.call()
        assert ours.first.media is not None
        before = ours.first.media.crypto
        for version in (2, 3):
            call.reinvite(line.offer(version=version))
            answer = await call.expect(200)
            call.ack()
            line.agree(answer.body)
        assert heard(await line.listen(0.3), 1050) == {1050}
        assert ours.first.media.crypto == before
        assert ours.first.stream.stats.replayed == ours.first.stream.stats.unauthenticated == 0


async def test_speech_under_a_wrong_key_is_counted_and_not_heard(
    bridge: Bridge, phone: Phone
) -> None:
    line = SecureLine()
    async with secure(bridge, phone, line):
        await line.speech()
        ours = await bridge.call()
        stolen = Keys(suite=line.suite, send=os.urandom(30), receive=os.urandom(30))
        line.srtp = Srtp(stolen, stats=StreamStats())
        await until(lambda: ours.first.stream.stats.unauthenticated > 0)
        received = ours.first.stream.stats.received
        await until(lambda: ours.first.stream.stats.unauthenticated >= 20)
        line.srtp = None
        await until(lambda: ours.first.stream.stats.unauthenticated >= 40)
        assert ours.first.stream.stats.received == received
    record = await bridge.record()
    assert record["sound"]["unauthenticated"] >= 40
    assert record["srtp"] == line.suite


async def test_a_line_that_we_can_keep_to_is_answered_where_the_first_is_none(
    bridge: Bridge, phone: Phone
) -> None:
    line = SecureLine()
    lines = (
        line.crypto(tag=3, more="|2^20|1:4"),
        "a=crypto:4 F8_128_HMAC_SHA1_80 inline:" + "A" * 40,
        line.crypto(tag=5, more="|2^31"),
        line.crypto(tag=6),
    )
    async with line:
        call = await phone.invite(bridge.address, line.offer(*lines), user="echo")
        call.line = line
        answer = await call.expect(200)
        call.ack()
        assert line.agree(answer.body) == (5, line.suite)
        line.talk(answer.media, pitch=1050)
        await line.speech()
        assert heard(await line.listen(0.3), 1050) == {1050}
        await call.hang_up()


@pytest.mark.parametrize(
    "lines",
    [
        ("a=x:no-keys",),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 39 + "!",),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "|2^99",),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "|2^20|1:4",),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 400,),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + " UNENCRYPTED_SRTP",),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:",),
        ("a=crypto:1 NONE inline:" + "A" * 40,),
        ("a=crypto:99999999999999999999 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40,),
        ("a=crypto:",),
    ],
)
async def test_an_offer_without_a_usable_key_gets_488(
    bridge: Bridge, phone: Phone, lines: tuple[str, ...]
) -> None:
    line = SecureLine()
    async with line:
        call = await phone.invite(bridge.address, line.offer(*lines), user="echo")
        await call.expect(488)
    await bridge.idle()


async def test_keys_that_come_without_a_demand_are_passed_over_where_they_are_no_use(
    bridge: Bridge, phone: Phone
) -> None:
    line = SecureLine()
    async with line:
        sdp = line.offer(line.crypto(more="|2^20|1:4"), protocol="RTP/AVP")
        call = await phone.invite(bridge.address, sdp, user="echo")
        answer = await call.expect(200)
        call.ack()
        assert "a=crypto" not in answer.body
        line.talk(answer.media, pitch=1050)
        await line.speech()
        await call.hang_up()


@pytest.mark.parametrize("keyed", [True, False])
async def test_an_invite_without_an_offer_is_offered_keys(
    bridge: Bridge, phone: Phone, *, keyed: bool
) -> None:
    line = SecureLine()
    async with line:
        call = await phone.invite(bridge.address, "", user="echo")
        call.line = line
        offered = await call.expect(200)
        assert "RTP/AVP" in offered.body
        first = next(each for each in offered.body.splitlines() if each.startswith("a=crypto:1 "))
        if keyed:
            call.ack(line.offer(protocol="RTP/AVP"))
            line.agree(first + "\r")
        else:
            call.ack(line.offer("a=x:plain", protocol="RTP/AVP"))
        line.talk(offered.media, pitch=1050)
        await line.speech()
        assert heard(await line.listen(0.3), 1050) == {1050}
        ours = await bridge.call()
        assert (ours.first.media is not None and ours.first.media.secure) is keyed
        await call.hang_up()


@pytest.mark.parametrize("suite", SUITES)
async def test_a_reinvite_without_an_offer_keeps_the_keys(
    bridge: Bridge, phone: Phone, suite: str
) -> None:
    line = SecureLine(suite)
    async with secure(
        bridge, phone, line, "a=crypto:7 NONE inline:AAAA", line.crypto(tag=9)
    ) as call:
        await line.speech()
        call.reinvite("")
        offered = await call.expect(200)
        (ours,) = [each for each in offered.body.splitlines() if each.startswith("a=crypto:")]
        assert suite in ours
        tag = int(ours.partition(":")[2].partition(" ")[0])
        call.ack(line.offer(line.crypto(tag=tag), version=2))
        line.agree(ours + "\r")
        line.pitch = 1330
        await line.listen(0.2)
        assert heard(await line.listen(0.3), 1050, 1330) == {1330}
        assert not call.over
