"""Digits between the service and a baresip telephone, both ways."""

from pathlib import Path

import pytest

from tests.support.baresip import Baresip, needs_baresip
from tests.support.service import running
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, needs_baresip]


@pytest.mark.parametrize("codec", ["PCMU/8000/1", "G722/16000/1", "opus/48000/2"])
async def test_a_telephone_hears_the_digits_of_the_api(tmp_path: Path, codec: str) -> None:
    media = {"media": {"codecs": ["opus", "G722", "PCMU", "PCMA"]}}
    async with running(tmp_path, media) as bridge, Baresip(codecs=(codec,)) as phone:
        host, port = bridge.address
        await phone.command("dial", f"sip:silent@{host}:{port}")
        await phone.event("CALL_ESTABLISHED")
        call = await bridge.call()
        await until(lambda: "answered" in call.timings)
        await bridge.post(f"/v1/calls/{call.id}/dtmf", {"digits": "15*"})
        heard = [(await phone.event("CALL_DTMF_START"))["param"] for _ in range(3)]
        assert heard == ["1", "5", "*"]
        await phone.command("hangup")
        await bridge.record()
