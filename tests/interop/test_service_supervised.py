"""A running service and its supervisor: what systemd hears on its notify socket."""

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from tests.support.caller import Phone
from tests.support.serving import serving
from tests.support.waiting import PATIENCE_S


async def heard(inbox: socket.socket, text: str) -> str:
    """The next message that holds `text`."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_S):
        while text not in (message := (await loop.sock_recv(inbox, 4096)).decode()):
            pass
    return message


async def test_systemd_hears_of_readiness_life_and_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "800000")
        async with serving(tmp_path) as served, Phone() as phone:
            assert "STATUS=SIP on udp://" in await heard(inbox, "READY=1")
            await heard(inbox, "WATCHDOG=1")
            async with phone.call(served.address, user="echo", pitch=1050) as call:
                await call.line.speech()
                await heard(inbox, "STATUS=1 of 40 calls")
                served.signal(signal.SIGTERM)
                stopping = await heard(inbox, "STOPPING=1")
                assert "EXTEND_TIMEOUT_USEC=630000000" in stopping
                assert "STATUS=1 of 40 calls; draining" in stopping
                await heard(inbox, "WATCHDOG=1")
            await heard(inbox, "STATUS=leaving")
            assert await served.gone() == 0
