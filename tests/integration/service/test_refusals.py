"""Calls that are not taken: each with its code, its line in the log and the journal, its count."""

import logging

import pytest

from tests.support.caller import Phone
from tests.support.service import Bridge, ended, offer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = {
    "routes": [
        {"to": "+4420*", "agent": "echo"},
        {"trunk": "carrier", "agent": "echo"},
        {"header": {"X-Team": "sales"}, "agent": "echo"},
        {"from": "boss", "agent": "echo"},
    ],
    "trunks": {"carrier": {"hosts": ["127.0.0.9"]}},
}
VIDEO = """v=0\r
o=phone 1 1 IN IP4 127.0.0.2\r
s=-\r
c=IN IP4 127.0.0.2\r
t=0 0\r
m=video 6000 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
"""


@pytest.mark.parametrize(
    ("to", "caller", "headers"),
    [
        ("+442012345", "ann", ()),
        ("555", "ann", ("X-Team: sales",)),
        ("555", "ann", ("x-team: sales",)),
        ("555", "boss", ()),
    ],
)
async def test_a_call_is_routed_by_number_caller_or_header(
    bridge: Bridge, phone: Phone, to: str, caller: str, headers: tuple[str, ...]
) -> None:
    async with phone.call(bridge.address, *headers, user=to, caller=caller):
        pass
    record = await bridge.record()
    assert (record["agent"], record["caller"], record["callee"]) == ("echo", caller, to)


async def test_a_call_is_routed_by_the_trunk_it_comes_through(bridge: Bridge) -> None:
    async with Phone(host="127.0.0.9") as carrier, carrier.call(bridge.address, user="555"):
        pass
    assert (await bridge.record())["trunk"] == "carrier"


async def test_a_call_without_a_route_gets_404_and_the_log_tells_every_rule(
    bridge: Bridge, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = (await bridge.metrics()).get(ended("client_error", "no-route"), 0)
    call = await offer(phone, bridge, "X-Team: support", user="555")
    await call.expect(404)
    record = await bridge.record()
    assert record["outcome"]["cause"] == "no-route"
    assert record["outcome"]["sip_code"] == 404
    (line,) = [each for each in caplog.messages if "no-route" in each]
    for why in (
        "1: to +4420* does not match 555",
        "2: trunk carrier is not pbx",
        "3: header X-Team sales does not match support",
        "4: from boss does not match ann",
    ):
        assert why in line
    assert (await bridge.metrics())[ended("client_error", "no-route")] == before + 1


def counted(bridge: Bridge) -> int:
    """Offers without a codec of ours so far, refused by PJSIP or by the bridge."""
    ours = bridge.service.switchboard.totals.calls[
        "inbound", "pbx", "client_error", "no-common-codec"
    ]
    return ours + bridge.service.sip_stats.rejected


@pytest.mark.parametrize(
    "sdp",
    [VIDEO, VIDEO.replace("m=video 6000 RTP/AVP 96", "m=audio 6000 RTP/AVP 18")],
    ids=["only video", "only G.729"],
)
async def test_an_offer_without_a_codec_of_ours_gets_488(
    bridge: Bridge, phone: Phone, sdp: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = counted(bridge)
    call = await offer(phone, bridge, user="+4420", sdp=sdp)
    await call.expect(488)
    await until(lambda: counted(bridge) == before + 1)
    offered = "G729" if "audio" in sdp else "no audio"
    await until(lambda: any(f"it offers {offered}" in line for line in caplog.messages))


def garbled() -> dict[str, str]:
    good = VIDEO.replace("m=video 6000 RTP/AVP 96", "m=audio 6000 RTP/AVP 0")
    return {
        "no version": good.replace("v=0\r\n", ""),
        "no address": good.replace("c=IN IP4 127.0.0.2\r\n", ""),
        "an address of two words": good.replace("c=IN IP4 127.0.0.2", "c=IN 127.0.0.2"),
        "an address that is a name": good.replace("IP4 127.0.0.2", "IP4 nowhere.invalid"),
        "port out of range": good.replace("6000", "66000"),
        "port zero": good.replace("6000", "0"),
        "no formats": good.replace("RTP/AVP 0", "RTP/AVP"),
        "format that is no number": good.replace("RTP/AVP 0", "RTP/AVP zero"),
        "secure profile": good.replace("RTP/AVP", "RTP/SAVP"),
        "broken rtpmap": good + "a=rtpmap:0\r\n",
        "not SDP": "hello\r\n",
        "binary": "\x00\x01\x02\r\n",
        "huge": good + "a=x:" + "y" * 1500 + "\r\n",
        "twice": good + "m=audio 6002 RTP/AVP 0\r\n",
    }


@pytest.mark.parametrize("kind", garbled())
async def test_a_garbled_offer_is_refused_or_borne_and_the_next_call_works(
    bridge: Bridge, phone: Phone, kind: str
) -> None:
    call = await offer(phone, bridge, user="+4420", sdp=garbled()[kind])
    final = await call.final()
    if final.code == 200:
        call.ack()
        await call.hang_up()
    else:
        assert final.code in (400, 415, 488, 606)
    async with phone.call(bridge.address, user="+4420"):
        pass


async def test_strangers_get_403_are_counted_and_do_not_fill_the_log(
    bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = (await bridge.metrics())["bridge_strangers_total"]
    async with Phone(host="127.0.0.3") as stranger:
        calls = [await offer(stranger, bridge, user="+4420") for _ in range(100)]
        for call in calls:
            await call.expect(403)
    assert (await bridge.metrics())["bridge_strangers_total"] == before + 100
    told = [each for each in caplog.messages if "127.0.0.3" in each]
    assert 1 <= len(told) <= 5
    assert bridge.ports_in_use == 0
    assert len(caplog.messages) < 20


async def test_options_from_a_trunk_is_answered(bridge: Bridge, phone: Phone) -> None:
    call = await phone.invite(bridge.address, "", user="nobody")
    await call.expect(404)
    call.send("OPTIONS")
    answer = await call.expect(200)
    assert "INVITE" in answer["Allow"]
