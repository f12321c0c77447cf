"""Fifty calls from SIPp, twenty a second: none fails, and nothing is left of them."""

import asyncio
import gc
from pathlib import Path

import pytest

from tests.support.scenario import ack, audio, invite, pause, recv, request, scenario, send
from tests.support.service import Bridge, running
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, needs_sipp]

CALLS, RATE = 50, 20
STEPS = (
    send(invite(audio("0 101", port="[auto_media_port]"), user="echo")),
    recv(100, optional=True),
    recv(180),
    recv(200),
    send(ack()),
    pause(1500),
    send(request("BYE", cseq=2)),
    recv(200),
)


class Footprint:
    """What the process holds: tasks and open files.

    Left out are the ports that rest after a call, and the HTTP connections kept for the next
    request, of which both ends are here.
    """

    def __init__(self, bridge: Bridge) -> None:
        gc.collect()
        tasks = [str(task.get_coro()) for task in asyncio.all_tasks()]
        serving = sum("RequestHandler.start" in task for task in tasks)
        self.tasks = len(tasks) - serving
        files = len(list(Path("/proc/self/fd").iterdir()))
        self.files = files - 2 * serving - 2 * bridge.service._ports.draining


async def test_calls_at_a_brisk_rate_all_succeed_and_leave_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, {"sip": {"max_calls": 60}}) as bridge:
        one = Sipp(scenario(*STEPS), remote=bridge.address, options=("-rtp_echo",))
        async with one as sipp:
            await sipp.done()
        await bridge.idle()
        before = Footprint(bridge)
        many = Sipp(
            scenario(*STEPS), remote=bridge.address, calls=CALLS, rate=RATE, options=("-rtp_echo",)
        )
        async with many as sipp:
            await sipp.done()
            records = [await bridge.record() for _ in range(CALLS)]
        await bridge.idle()
        await asyncio.sleep(0.1)
        assert {record["outcome"]["cause"] for record in records} == {"caller-hung-up"}
        assert all(record["sound"]["sent"] > 10 for record in records)
        assert bridge.unread == 0
        metrics = await bridge.metrics()
        assert metrics["bridge_calls_active"] == 0
        assert metrics["bridge_setup_seconds_count"] == CALLS + 1
        assert all(call.end_reason == "hangup" for call in bridge.standin.calls.values())
        # Why Ultravox ended its calls is asked for a little later.
        await until(lambda: Footprint(bridge).tasks <= before.tasks)
        assert Footprint(bridge).files <= before.files
