"""A service that is suspended for two seconds, as a stopped process or a paused machine is."""

import asyncio
import signal
import time
from pathlib import Path

from tests.support.caller import Phone
from tests.support.pitch import heard
from tests.support.serving import Serving, serving
from tests.support.waiting import until

SUSPENDED_S = 2.0


async def suspend(served: Serving) -> float:
    """Stop the process for a while; the loop time at which it goes on."""
    served.signal(signal.SIGSTOP)
    await asyncio.sleep(SUSPENDED_S)
    served.signal(signal.SIGCONT)
    return asyncio.get_running_loop().time()


async def test_after_two_seconds_in_which_it_stood_still_nothing_comes_in_a_burst_or_stays_late(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as served, Phone() as phone:
        async with phone.call(served.address, user="echo", pitch=1050) as call:
            line = call.line
            await line.speech()
            await asyncio.sleep(0.5)
            (agent,) = served.standin.calls.values()
            went_on = await suspend(served)
            await asyncio.sleep(1.0)

            # To the phone: no packet is made up for, and the clock has gone on.
            after = [p for p in line.packets if p.at >= went_on]
            before = line.packets[-len(after) - 1]
            assert before.at < went_on - SUSPENDED_S + 0.1
            for first in after:
                together = [p for p in after if 0 <= p.at - first.at < 0.1]
                assert len(together) <= 9  # 5, and what the machine holds up
            slots = (after[-1].timestamp - before.timestamp & 0xFFFFFFFF) / 160
            assert abs(slots - (after[-1].at - before.at) / 0.020) < 5
            assert after[0].sequence == (before.sequence + 1) & 0xFFFF

            # To the agent: what was said meanwhile has come, and nothing twice.
            meter = agent.audio
            assert meter.began is not None
            lag_s = time.monotonic() - meter.began - meter.audio_s
            assert abs(lag_s) < 0.3
            assert meter.ahead_max_s < 0.3

            # What the agent repeats has caught up where the caller pauses for some seconds.
            line.pitch = 0
            await asyncio.sleep(5.0)
            line.pitch = 1330
            said = asyncio.get_running_loop().time()
            await until(lambda: heard(line.heard(line.packets[-1].at - 0.1), 1330) == {1330})
            assert asyncio.get_running_loop().time() - said < 0.8
        record = await served.record()
        assert record["outcome"]["cause"] == "caller-hung-up"
        assert record["sound"]["late"] < 25  # of the hundred that came together
