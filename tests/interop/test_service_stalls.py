"""What the bridge writes to stands still: the agent's side, the journal's disk."""

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import aiohttp

from bridge.archive import jsonlines
from deploy.ports import free_port
from tests.support.caller import Phone
from tests.support.pitch import heard
from tests.support.service import KEY, running
from tests.support.waiting import PATIENCE_S, until

STALLED_S = 5.0


@contextlib.asynccontextmanager
async def standin() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A stand-in in a process of its own, and its API's URL."""
    where = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "standin", "--listen", where, "--api-key", KEY),
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    url = f"http://{where}/api"
    try:
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as http:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(url):
                        break
                await asyncio.sleep(0.05)
        yield process, url
    finally:
        process.kill()
        await process.wait()


async def test_while_the_agents_side_stands_still_old_audio_is_dropped_and_the_phone_is_served(
    tmp_path: Path,
) -> None:
    # At 48 kHz the sockets between hold a second or two, and not half a minute.
    change = {"agents": {"echo": {"agent_id": "echo", "sample_rate": 48000}}}
    async with (
        standin() as (agents, url),
        running(tmp_path, change, api_url=url) as bridge,
        Phone() as phone,
        phone.call(bridge.address, user="echo", pitch=1050) as call,
    ):
        ours = await bridge.call()
        await call.line.speech()
        agents.send_signal(signal.SIGSTOP)
        await asyncio.sleep(STALLED_S)
        assert ours.talk.session is not None
        dropped = ours.talk.session.stats.dropped
        last = call.line.packets[-50:]
        agents.send_signal(signal.SIGCONT)

        assert 0 < dropped < 50 * STALLED_S
        assert (await bridge.metrics())["bridge_uplink_dropped_total"] >= dropped
        # A packet each 20 ms all the while, of silence.
        assert last[-1].at - last[0].at < 1.5
        assert not any(packet.speech for packet in last)

        # What was kept goes at once, so that what is said now is the next that the agent hears.
        await call.line.speech(since=asyncio.get_running_loop().time())
        await until(lambda: ours.talk.session is not None and not ours.talk.session._held)
        dropped = ours.talk.session.stats.dropped
        await asyncio.sleep(0.3)
        assert ours.talk.session.stats.dropped == dropped
        assert call.bye is None


async def test_while_the_journals_disk_stands_still_calls_come_and_go(tmp_path: Path) -> None:
    goes_on = threading.Event()
    real = jsonlines.append

    def stuck(*given: object) -> None:
        goes_on.wait()
        real(*given)  # type: ignore[arg-type]

    async with running(tmp_path) as bridge, Phone() as phone:
        with mock.patch.object(jsonlines, "append", stuck):
            try:
                for _ in range(3):
                    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
                        await call.line.speech()
                        assert heard(await call.line.listen(0.3), 1050, 1330) == {1050}
                await until(lambda: not bridge.service.calls)
                assert bridge.service.papers.journal.pending == 3
                assert bridge.unread == 0
            finally:
                goes_on.set()
            for _ in range(3):
                assert (await bridge.record())["outcome"]["cause"] == "caller-hung-up"
