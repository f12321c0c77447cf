"""What networks do to a call: NATs, floods, addresses of all kinds, and odd descriptions."""

import asyncio
import os
import socket
import struct

import pytest

from rtp import rtcp
from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PITCH = 1050


async def test_rtcp_shares_the_port_of_rtp_where_the_offer_asks_for_it(
    bridge: Bridge, phone: Phone
) -> None:
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line, more=["a=rtcp-mux"]), user="echo")
        call.line = line
        answer = await call.expect(200)
        assert "a=rtcp-mux" in answer.body.splitlines()
        assert "a=rtcp:" not in answer.body
        call.ack()
        line.talk(answer.media, pitch=PITCH)
        await line.speech()
        stream = (await bridge.call()).first.stream
        ssrc, stats = stream._downlink.numbering.ssrc, stream.stats
        loss = rtcp.Reception(
            ssrc=ssrc, fraction_lost=0.0, lost=3, highest=0, jitter=0, last_report=0, delay=0
        )
        report = rtcp.Report(ssrc=7, receptions=(loss,))
        line.send_raw(rtcp.serialize(report))
        await until(lambda: stats.remote_lost == 3)
        await call.hang_up()
        await until(lambda: bool(line.reports))
    words = rtcp.parse(line.reports[-1])
    assert isinstance(words[0], rtcp.Report)
    assert isinstance(words[1], rtcp.SourceDescription)
    assert words[-1] == rtcp.Bye(sources=(ssrc,))


async def test_answers_go_where_a_request_came_from_whatever_its_via_says(
    bridge: Bridge, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3581: a telephone behind a NAT writes an address that nobody reaches."""

    def behind_nat(_: object, branch: str) -> str:
        return f"Via: SIP/2.0/UDP 198.51.100.9:5062;branch={branch};rport"

    monkeypatch.setattr("tests.support.caller.SipCall._via", behind_nat)
    async with phone.call(bridge.address, user="echo", pitch=PITCH) as call:
        await call.line.speech()
        assert heard(await call.line.listen(0.3), PITCH) == {PITCH}


async def test_audio_goes_where_it_comes_from_when_the_offer_names_another_address(
    bridge: Bridge, phone: Phone
) -> None:
    async with Line() as line:
        sdp = describe(line, host="198.51.100.9")
        call = await phone.invite(bridge.address, sdp, user="echo")
        call.line = line
        answer = await call.expect(200)
        call.ack()
        line.talk(answer.media, pitch=PITCH)
        await line.speech()
        assert heard(await line.listen(0.3), PITCH) == {PITCH}
        await call.hang_up()


async def test_a_flood_at_the_port_of_one_call_is_counted_and_harms_neither_it_nor_another(
    bridge: Bridge, phone: Phone
) -> None:
    async with (
        phone.call(bridge.address, user="echo", pitch=PITCH) as flooded,
        phone.call(bridge.address, user="echo", pitch=1330) as other,
    ):
        await flooded.line.speech()
        await other.line.speech()
        target = flooded.line.remote
        assert target is not None
        stream = next(
            call.first.stream
            for call in bridge.service.calls.values()
            if call.first.stream.ports.rtp_port == target[1]
        )
        rtp = struct.pack("!BBHII", 0x80, 0, 1, 160, 99) + bytes(160)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.3", 0))
            for _ in range(60):  # 300 ms, 10000 a second, and twice as much in octets
                for datagram in (rtp, os.urandom(1400), b"", b"\x80"):
                    for _ in range(12):
                        stranger.sendto(datagram, target)
                await asyncio.sleep(0.005)
        assert heard(await flooded.line.listen(0.3), PITCH, 1330) == {PITCH}
        assert heard(await other.line.listen(0.3), PITCH, 1330) == {1330}
        stats = stream.stats
        assert stats.strangers > 300
        assert stats.invalid > 300
        assert stats.resyncs == 0
        assert stream.source == ("127.0.0.2", flooded.line.port)


ODD = {
    "ten audio lines": "".join(f"m=audio {6002 + 2 * n} RTP/AVP 0\r\n" for n in range(9)),
    "a hundred audio lines": "".join(f"m=audio {6002 + 2 * n} RTP/AVP 0\r\n" for n in range(99)),
    "all directions at once": "a=inactive\r\na=sendonly\r\na=recvonly\r\n",
    "no time at all in a packet": "a=ptime:0\r\na=maxptime:0\r\n",
    "an hour in a packet": "a=ptime:3600000\r\n",
    "less than nothing in a packet": "a=ptime:-20\r\n",
    "a payload type of four digits": "a=rtpmap:4711 PCMA/8000\r\na=fmtp:4711 0-15\r\n",
    "a negative payload type": "a=rtpmap:-1 PCMA/8000\r\n",
    "one payload type for everything": "a=rtpmap:0 telephone-event/8000\r\n",
    "a clock of nothing": "a=rtpmap:0 PCMU/0\r\n",
    "crypto in plain RTP": "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:!!!!|2^99|1:4\r\n",
    "a thousand candidates": "".join(
        f"a=candidate:{n} 1 UDP 1 ::1 9 typ host\r\n" for n in range(99)
    ),
}


@pytest.mark.parametrize("kind", ODD)
async def test_an_odd_offer_is_answered_or_refused_and_another_call_goes_on(
    bridge: Bridge, phone: Phone, kind: str
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=PITCH) as call:
        await call.line.speech()
        async with Line() as line:
            odd = await phone.invite(bridge.address, describe(line) + ODD[kind], user="echo")
            final = await odd.final()
            assert final.code in (200, 400, 488, 606)
            if final.code == 200:
                odd.ack()
                answered = [each for each in final.body.splitlines() if each.startswith("m=audio ")]
                assert len([each for each in answered if not each.startswith("m=audio 0 ")]) == 1
                await odd.hang_up()
        assert heard(await call.line.listen(0.2), PITCH) == {PITCH}
