"""A service whose log nobody reads, though it says much."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import yaml

from bridge.ultravox.standin.server import Standin
from deploy.ports import free_port
from tests.support.caller import Phone
from tests.support.pitch import heard
from tests.support.service import HOME, KEY, configuration
from tests.support.waiting import PATIENCE_S


async def test_a_log_that_nobody_reads_stops_neither_calls_nor_the_exit(tmp_path: Path) -> None:
    port, control = free_port(), free_port()
    own = {
        "sip": {"listen": [f"udp://{HOME}:{port}"]},
        "control": {"listen": f"{HOME}:{control}"},
        "log": {"level": "debug"},
    }
    reading, writing = os.pipe()
    async with Standin(api_key=KEY, voice=None) as standin, Phone() as phone:
        file = tmp_path / "bridge.yaml"
        file.write_text(yaml.safe_dump(configuration(tmp_path, standin.api_url, own)))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "serve", "-c", str(file)), stderr=writing
        )
        os.close(writing)
        try:
            await _healthy(f"http://{HOME}:{control}/healthz")
            for _ in range(5):
                async with phone.call((HOME, port), user="echo", pitch=1050) as call:
                    await call.line.speech()
                    assert heard(await call.line.listen(0.3), 1050, 1330) == {1050}
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(reading)


async def _healthy(url: str) -> None:
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as response:
                    if response.ok:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
