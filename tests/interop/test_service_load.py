"""Fifty calls from SIPp, twenty a second: none fails, and nothing is left of them."""

import asyncio
import gc
from pathlib import Path

import pytest

from tests.support.scenario import ack, audio, invite, pause, recv, request, scenario, send
from tests.support.service import Bridge, running
from tests.support.sipp import Sipp, needs_sipp

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


def descriptors(bridge: Bridge) -> int:
    """Open files, without the ports that rest after a call."""
    gc.collect()
    resting = 2 * bridge.service._ports.draining
    return len(list(Path("/proc/self/fd").iterdir())) - resting


async def test_calls_at_a_brisk_rate_all_succeed_and_leave_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, {"sip": {"max_calls": 60}}) as bridge:
        one = Sipp(scenario(*STEPS), remote=bridge.address, options=("-rtp_echo",))
        async with one as sipp:
            await sipp.done()
        await bridge.idle()
        await bridge.metrics()  # whose connection stays open
        before, tasks = descriptors(bridge), len(asyncio.all_tasks())
        many = Sipp(
            scenario(*STEPS), remote=bridge.address, calls=CALLS, rate=RATE, options=("-rtp_echo",)
        )
        async with many as sipp:
            await sipp.done()
            records = [await bridge.record() for _ in range(CALLS)]
        await bridge.idle()
        await asyncio.sleep(0.1)
        assert {record["outcome"]["cause"] for record in records} == {"caller-hung-up"}
        assert all(record["sound"]["sent"] > 50 for record in records)
        assert bridge.unread == 0
        metrics = await bridge.metrics()
        assert metrics["bridge_calls_active"] == 0
        assert metrics["bridge_setup_seconds_count"] == CALLS + 1
        assert all(call.end_reason == "hangup" for call in bridge.standin.calls.values())
        assert len(asyncio.all_tasks()) <= tasks
        assert descriptors(bridge) <= before
