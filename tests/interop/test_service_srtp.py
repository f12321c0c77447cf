"""SRTP between the service and baresip telephones, called and calling."""

import asyncio
import json
import logging
import re
import sys
import wave
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from sip.pjsua import build
from tests.support.baresip import Baresip, needs_baresip
from tests.support.certificates import self_signed
from tests.support.secure_line import has_suite
from tests.support.service import HOME, Bridge, running
from tests.support.tones import strength
from tests.support.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.interop, needs_baresip]

PJSUA_PHONE = Path(__file__).parent / "clients" / "pjsua_phone.py"
TONE = 440
CODEC = ("PCMU/8000/1",)


def needs(suite: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not has_suite(suite), reason=f"this PJSIP build has no {suite}")


def trunk(srtp: str, **more: Any) -> dict[str, Any]:
    return {"trunks": {"pbx": {"srtp": srtp, **more}}}


def heard(folder: Path) -> float:
    """How strong the tone is in the last half of what the telephone heard."""
    (path,) = folder.glob("dump*dec.wav")
    with wave.open(str(path)) as file:
        pcm, rate = file.readframes(file.getnframes()), file.getframerate()
        assert file.getnchannels() == 1
    pcm = pcm[len(pcm) // 4 * 2 :]
    return strength(pcm, TONE, sample_rate=rate)


async def talk(bridge: Bridge, phone: Baresip) -> dict[str, Any]:
    """Two seconds of an established call, to the journal's record."""
    call = await bridge.call()
    while call.first.stream.stats.received < 100:
        await phone.pause(0.05)
    # baresip opens a NAT's pinhole with a packet in the clear before it has keys.
    assert call.first.stream.stats.unauthenticated <= 1
    await phone.command("hangup")
    return await bridge.record()


@pytest.mark.parametrize(
    ("ours", "theirs", "encrypted"),
    [
        ("optional", "", False),
        ("optional", "srtp", True),
        ("optional", "srtp-mand", True),
        ("required", "srtp-mand", True),
        ("off", "srtp", False),
    ],
)
async def test_a_telephone_that_calls_is_met_in_its_own_way(
    tmp_path: Path, ours: str, theirs: str, *, encrypted: bool
) -> None:
    async with (
        running(tmp_path, trunk(ours)) as bridge,
        Baresip(codecs=CODEC, encryption=theirs, heard=tmp_path) as phone,
    ):
        host, port = bridge.address
        await phone.command("dial", f"sip:echo@{host}:{port}")
        await phone.event("CALL_ESTABLISHED")
        record = await talk(bridge, phone)
    assert (record["srtp"] is not None) is encrypted
    assert record["sound"]["lost"] == record["sound"]["concealed"] == 0
    assert heard(tmp_path) > 0.05


@pytest.mark.parametrize(
    ("ours", "theirs", "encrypted"),
    [
        ("optional", "", False),
        ("optional", "srtp", True),
        ("required", "srtp", True),
        ("required", "srtp-mand", True),
        ("off", "srtp", False),
    ],
)
async def test_a_telephone_that_is_called_is_met_in_its_own_way(
    tmp_path: Path, ours: str, theirs: str, *, encrypted: bool
) -> None:
    async with Baresip(codecs=CODEC, encryption=theirs, heard=tmp_path) as phone:
        address = f"sip:{phone.host}:{phone.port}"
        async with running(tmp_path, trunk(ours, address=address)) as bridge:
            await bridge.post("/v1/calls", {"to": "phone", "agent": "echo", "trunk": "pbx"})
            await phone.event("CALL_ESTABLISHED")
            record = await talk(bridge, phone)
    assert (record["srtp"] is not None) is encrypted
    assert record["sound"]["lost"] == record["sound"]["concealed"] == 0
    assert heard(tmp_path) > 0.05


@pytest.mark.parametrize(("ours", "theirs"), [("required", ""), ("off", "srtp-mand")])
async def test_what_cannot_be_met_is_refused(tmp_path: Path, ours: str, theirs: str) -> None:
    async with (
        running(tmp_path, trunk(ours)) as bridge,
        Baresip(codecs=CODEC, encryption=theirs) as phone,
    ):
        host, port = bridge.address
        await phone.command("dial", f"sip:echo@{host}:{port}")
        closed = await phone.event("CALL_CLOSED")
        assert "488" in closed["param"]
        await bridge.idle()


@needs("AEAD_AES_128_GCM")
@pytest.mark.parametrize(
    "suite", ["AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"]
)
async def test_a_telephone_takes_the_suite_that_it_is_offered(tmp_path: Path, suite: str) -> None:
    """Offered several, it takes the first; AES_256_CM it does not know."""
    async with Baresip(codecs=CODEC, encryption="srtp-mand", heard=tmp_path) as phone:
        address = f"sip:{phone.host}:{phone.port}"
        with mock.patch.object(build, "SUITES", (suite,)):
            async with running(tmp_path, trunk("required", address=address)) as bridge:
                await bridge.post("/v1/calls", {"to": "phone", "agent": "echo", "trunk": "pbx"})
                await phone.event("CALL_ESTABLISHED")
                record = await talk(bridge, phone)
    assert record["srtp"] == suite
    assert record["sound"]["lost"] == record["sound"]["concealed"] == 0
    assert heard(tmp_path) > 0.05


async def test_keys_go_over_tls_and_media_under_them(tmp_path: Path) -> None:
    ours, theirs = self_signed(tmp_path, name="bridge"), self_signed(tmp_path, name="phone")
    both = tmp_path / "both.pem"
    both.write_text(theirs.certificate.read_text() + theirs.private_key.read_text())
    phone = Baresip(
        host=HOME,  # which its certificate vouches for
        transport="tls",
        certificate=both,
        codecs=CODEC,
        encryption="srtp-mand",
        heard=tmp_path,
    )
    address = f"sip:{phone.host}:{phone.port};transport=tls"
    tls = {
        "certificate": str(ours.certificate),
        "private_key": str(ours.private_key),
        "ca_file": str(theirs.certificate),
    }
    change = trunk("required", hosts=["127.0.0.0/8"], address=address)
    async with (
        phone,
        running(tmp_path, {**change, "sip": {"tls": tls}}) as bridge,
    ):
        await bridge.post("/v1/calls", {"to": "phone", "agent": "echo", "trunk": "pbx"})
        await phone.event("CALL_ESTABLISHED")
        record = await talk(bridge, phone)
    assert record["srtp"]
    assert heard(tmp_path) > 0.05


async def test_the_log_shows_messages_without_their_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        running(tmp_path, trunk("required")) as bridge,
        Baresip(codecs=CODEC, encryption="srtp-mand") as phone,
    ):
        host, port = bridge.address
        await phone.command("dial", f"sip:echo@{host}:{port}")
        await phone.event("CALL_ESTABLISHED")
        call = await bridge.call()
        await until(lambda: call.first.media is not None)
        assert call.first.media is not None
        described = call.first.media.local_sdp + call.first.media.remote_sdp
        await talk(bridge, phone)
    keys = re.findall(r"inline:([^|\s]+)", described)
    assert len(keys) >= 2
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…" in caplog.text
    assert not [key for key in keys if key in caplog.text]


@pytest.mark.parametrize(
    "suite",
    [
        "AES_CM_128_HMAC_SHA1_80",
        "AES_CM_128_HMAC_SHA1_32",
        "AES_256_CM_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_32",
        pytest.param("AEAD_AES_128_GCM", marks=needs("AEAD_AES_128_GCM")),
        pytest.param("AEAD_AES_256_GCM", marks=needs("AEAD_AES_256_GCM")),
    ],
)
async def test_pjsip_with_media_of_its_own_talks_and_is_answered_over_each_suite(
    tmp_path: Path, suite: str
) -> None:
    async with running(tmp_path, trunk("required")) as bridge:
        host, port = bridge.address
        phone = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PJSUA_PHONE), f"sip:echo@{host}:{port}", suite, "2"),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(phone.communicate(), PATIENCE_S)
        record = await bridge.record()
    told = json.loads(output.splitlines()[-1])
    assert told["answered"]
    assert told["received"] > 70
    assert told["loudest"] > 20
    assert record["srtp"] == suite
    assert record["sound"]["received"] > 70
    assert record["sound"]["unauthenticated"] == 0
