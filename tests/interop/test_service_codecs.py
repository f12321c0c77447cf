"""Every codec between a baresip telephone and an echoing agent: the tone comes back."""

import asyncio
import json
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from rtp import opus
from sip.pjsua.build import CAN_DO_NOISE
from tests.support.baresip import Baresip, needs_baresip
from tests.support.service import running
from tests.support.tones import strength
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.interop

PJSUA_PHONE = Path(__file__).parent / "clients" / "pjsua_phone.py"
TONE = 440
NEEDS_OPUS = pytest.mark.skipif(not opus.available(), reason="this system has no libopus")
CODECS = [
    ("PCMU", "PCMU/8000/1", 8000),
    ("PCMA", "PCMA/8000/1", 8000),
    ("G722", "G722/16000/1", 16000),
    pytest.param("opus", "opus/48000/2", 16000, marks=NEEDS_OPUS),
]


def heard(folder: Path) -> float:
    """How strong the tone is in the last half of what the telephone heard."""
    (path,) = folder.glob("dump*dec.wav")
    with wave.open(str(path)) as file:
        pcm = file.readframes(file.getnframes())
        channels, rate = file.getnchannels(), file.getframerate()
    pcm = pcm[len(pcm) // 2 :]
    if channels == 2:
        pcm = b"".join(pcm[at : at + 2] for at in range(0, len(pcm) - 3, 4))
    return strength(pcm[: len(pcm) - len(pcm) % 2], TONE, sample_rate=rate)


async def talk(folder: Path, codec: str, media: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Call the echo for two seconds; the journal's record and the agent's sample rate."""
    async with (
        running(folder, {"media": media}) as bridge,
        Baresip(codecs=(codec,), source=f"ausine,{TONE}", heard=folder) as phone,
    ):
        host, port = bridge.address
        await phone.command("dial", f"sip:echo@{host}:{port}")
        await phone.event("CALL_ESTABLISHED")
        agent = await bridge.agent()
        call = await bridge.call()
        while call.first.stream.stats.received < 100:
            await phone.pause(0.05)
        await phone.command("hangup")
        return await bridge.record(), agent.settings.input_rate


@needs_baresip
@pytest.mark.parametrize(("name", "codec", "rate"), CODECS)
async def test_a_tone_comes_back_over_each_codec_at_its_own_rate(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    record, agent_rate = await talk(tmp_path, codec, {"codecs": ["opus", "G722", "PCMU", "PCMA"]})
    assert record["codec"].lower() == name.lower()
    assert agent_rate == rate
    assert record["sound"]["lost"] == record["sound"]["concealed"] == 0
    assert heard(tmp_path) > 0.05


@pytest.mark.parametrize(("name", "_codec", "rate"), CODECS)
async def test_pjsip_with_media_of_its_own_talks_and_is_answered_over_each_codec(
    tmp_path: Path, name: str, _codec: str, rate: int
) -> None:
    media = {"media": {"codecs": ["opus", "G722", "PCMU", "PCMA"]}}
    async with running(tmp_path, media) as bridge:
        host, port = bridge.address
        arguments = (f"sip:echo@{host}:{port}", "none", "2", name)
        phone = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PJSUA_PHONE), *arguments), stdout=asyncio.subprocess.PIPE
        )
        agent = await bridge.agent()
        output, _ = await asyncio.wait_for(phone.communicate(), PATIENCE_S)
        record = await bridge.record()
    told = json.loads(output.splitlines()[-1])
    assert told["answered"]
    assert told["received"] > 70
    assert record["codec"].lower() == name.lower()
    assert record["sound"]["received"] > 70
    assert agent.settings.input_rate == rate
    assert told["loudest"] > 20


@pytest.mark.skipif(not CAN_DO_NOISE, reason="this PJSIP build has no comfort noise")
@pytest.mark.parametrize(("agent", "fewest", "most"), [("echo", 70, 110), ("silent", 6, 20)])
async def test_pjsip_that_offers_comfort_noise_talks_and_is_spared_silence(
    tmp_path: Path, agent: str, fewest: int, most: int
) -> None:
    async with running(tmp_path, {}) as bridge:
        host, port = bridge.address
        arguments = (f"sip:{agent}@{host}:{port}", "none", "2", "PCMU", "noise")
        phone = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PJSUA_PHONE), *arguments), stdout=asyncio.subprocess.PIPE
        )
        call = await bridge.answered()
        media = call.parties.first.media
        output, _ = await asyncio.wait_for(phone.communicate(), PATIENCE_S)
        record = await bridge.record()
    told = json.loads(output.splitlines()[-1])
    assert told["answered"]
    assert media is not None
    assert media.comfort_noise
    assert fewest <= told["received"] <= most
    assert told["lost"] == 0
    if agent == "echo":  # of noise PJSIP makes sounds of its own: it knows the format by name only
        assert told["loudest"] > 20
    assert record["sound"]["received"] > 70


@needs_baresip
async def test_an_agent_of_another_rate_is_met_by_resampling(tmp_path: Path) -> None:
    agents = {"echo": {"agent_id": "echo", "sample_rate": 16000}}
    async with (
        running(tmp_path, {"agents": agents}) as bridge,
        Baresip(codecs=("PCMU/8000/1",), source=f"ausine,{TONE}", heard=tmp_path) as phone,
    ):
        host, port = bridge.address
        await phone.command("dial", f"sip:echo@{host}:{port}")
        await phone.event("CALL_ESTABLISHED")
        assert (await bridge.agent()).settings.input_rate == 16000
        call = await bridge.call()
        while call.first.stream.stats.received < 100:
            await phone.pause(0.05)
        await phone.command("hangup")
        assert (await bridge.record())["codec"] == "PCMU"
    assert heard(tmp_path) > 0.05
