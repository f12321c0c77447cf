"""Digits between the service and a baresip telephone, both ways."""

import os
from pathlib import Path

import pytest

from deploy.ports import free_ports
from tests.support.baresip import Baresip, needs_baresip
from tests.support.scenario import (
    ACCEPTED,
    BYE,
    audio,
    invite,
    pause,
    play,
    scenario,
    send,
)
from tests.support.service import running
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import until

pytestmark = pytest.mark.interop

CAPTURES = Path("/usr/share/sip-tester")
"""SIPp's own, of keys pressed on a telephone."""
needs_captures = pytest.mark.skipif(
    not CAPTURES.is_dir() or os.geteuid() != 0,
    reason="SIPp plays its captures (Debian: sip-tester) for root only",
)


@needs_baresip
@pytest.mark.parametrize("codec", ["PCMU/8000/1", "G722/16000/1", "opus/48000/2"])
async def test_a_telephone_hears_the_digits_of_the_api(tmp_path: Path, codec: str) -> None:
    media = {"media": {"codecs": ["opus", "G722", "PCMU", "PCMA"]}}
    async with running(tmp_path, media) as bridge, Baresip(codecs=(codec,)) as phone:
        host, port = bridge.address
        await phone.command("dial", f"sip:silent@{host}:{port}")
        await phone.event("CALL_ESTABLISHED")
        call = await bridge.call()
        await until(lambda: "answered" in call.chronicle.timings)
        await bridge.post(f"/v1/calls/{call.id}/dtmf", {"digits": "15*"})
        heard = [(await phone.event("CALL_DTMF_START"))["param"] for _ in range(3)]
        assert heard == ["1", "5", "*"]
        await phone.command("hangup")
        await bridge.record()


@needs_sipp
@needs_captures
async def test_each_key_of_sipps_captures_reaches_the_agent_once(tmp_path: Path) -> None:
    keys = [*"0123456789", "star", "pound"]
    steps = [
        step for key in keys for step in (play(CAPTURES / f"dtmf_2833_{key}.pcap"), pause(220))
    ]
    dtmf = {"agents": {"silent": {"agent_id": "silent", "dtmf": {"pause_ms": 800}}}}
    media = port_pair()
    sdp = audio("8 101", port="[media_port]")
    async with running(tmp_path, dtmf) as bridge:
        async with Sipp(
            scenario(send(invite(sdp, user="silent")), *ACCEPTED, *steps, pause(1200), *BYE),
            remote=bridge.address,
            options=("-mp", str(media)),
        ) as sipp:
            call = await bridge.call()
            await sipp.done()
        stats = call.first.stream.stats
        assert (stats.digits, stats.strangers, stats.invalid) == (12, 0, 0)
        record = await bridge.record()
        told = [each async for each in call.chronicle.follow() if each.kind == "digits"]
    assert "".join(each.fields["digits"] for each in told) == "0123456789*#"
    assert record["outcome"]["cause"] == "caller-hung-up"


@needs_sipp
async def test_digits_that_sipp_echoes_come_back_as_they_were_pressed(tmp_path: Path) -> None:
    media = port_pair()
    sdp = audio("0 101", port="[media_port]")
    async with running(tmp_path) as bridge:
        async with Sipp(
            scenario(send(invite(sdp, user="silent")), *ACCEPTED, pause(2500), *BYE),
            remote=bridge.address,
            options=("-mp", str(media), "-rtp_echo"),
        ) as sipp:
            call = await bridge.call()
            await until(lambda: "answered" in call.chronicle.timings)
            await bridge.post(f"/v1/calls/{call.id}/dtmf", {"digits": "1597*#A"})
            await sipp.done()
        await bridge.record()
        told = [each async for each in call.chronicle.follow() if each.kind == "digits"]
    assert "".join(each.fields["digits"] for each in told) == "1597*#A"
    assert (call.first.stream.stats.digits, call.first.stream.stats.digits_sent) == (7, 7)


def port_pair() -> int:
    """A port for SIPp's audio; it takes the one after the next as well."""
    return free_ports(4)
