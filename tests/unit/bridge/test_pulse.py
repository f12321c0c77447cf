"""The pulse on a real loop: what it takes for late and for busy."""

import asyncio
import time
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvloop

from bridge.admission import FEW, Reading
from bridge.call import Call
from bridge.pulse import Pulse
from rtp.stats import StreamStats


def call(number: int, stats: StreamStats) -> Call:
    first = SimpleNamespace(stream=SimpleNamespace(stats=stats))
    return cast("Call", SimpleNamespace(id=f"c-{number}", first=first))


RESTING = [call(number, StreamStats()) for number in range(FEW)]


def readings(disturb: Any, calls: Collection[Call] = RESTING, count: int = 1) -> list[Reading]:
    """What `count` readings say while `disturb` is called every 20 ms."""

    async def watch() -> list[Reading]:
        found: list[Reading] = []
        async with Pulse(lambda: calls, take=found.append):
            while len(found) < count:
                disturb()
                await asyncio.sleep(0.02)
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(watch())


def work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_loop_that_computes_is_busy_and_late_and_one_that_rests_is_not() -> None:
    resting = readings(lambda: None)[0]
    computing = readings(lambda: work(0.05))[0]
    assert resting.busy < computing.busy / 2
    assert computing.late_s > 0.005
    assert resting.calls == FEW


def test_a_loop_that_is_held_up_is_late_and_not_busy() -> None:
    held = readings(lambda: time.sleep(0.1))[0]
    assert held.late_s > 0.02
    assert held.busy < 0.3


def test_beats_of_calls_count_since_the_last_reading_on_average() -> None:
    stats = StreamStats(ticks=1000, tick_late_sum=1000.0)  # before the pulse first looked: a call

    def tick() -> None:
        stats.ticks += 10
        stats.tick_late_sum += 5.0

    found = readings(tick, [call(1, stats)], count=2)
    assert found[1].late_s == 0.5
    assert found[1].calls == 1


@pytest.mark.parametrize(("calls", "least", "most"), [((), 0, 2), (RESTING, 5, 24)])
def test_few_calls_wake_the_process_but_twice_a_second_and_none_does_after_the_end(
    calls: Collection[Call], least: int, most: int
) -> None:
    woken = 0

    class Counting(Pulse):
        def _beat(self) -> None:
            nonlocal woken
            woken += 1
            super()._beat()

    async def watch() -> None:
        async with Counting(lambda: calls, take=lambda _: None):
            await asyncio.sleep(1.2)
        until_then = woken
        await asyncio.sleep(0.6)
        assert woken == until_then

    asyncio.run(watch())
    assert least <= woken <= most
