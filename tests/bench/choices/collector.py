"""Which garbage collection a process with audio bears."""

import asyncio
import gc
import importlib
import time
from collections import deque
from collections.abc import Callable

import uvloop

from bridge.collector import only_young
from tests.bench.choices.table import Choice, Figures
from tests.bench.choices.talk import agent, join_picows, talk

MODULES = 160_000
"""Objects that were there before the first call,"""
CALLS = 100
"""calls that are up,"""
OF_A_CALL = 400
"""what each of them holds,"""
COMES_S = 0.005
"""and how often one more comes: four times a rush of 50 a second, for the time is short."""
CYCLES_A_MS = 10
"""Small reference cycles made each millisecond, as tasks and exceptions leave them,"""
RECENT = 5_000
"""and how many of the last ones are still held: half a second's."""


class _Node:
    def __init__(self) -> None:
        self.me = self


def _objects(count: int) -> list[object]:
    """Half of them dictionaries, half of them what is in those."""
    return [{"held": [number]} for number in range(count // 2)]


async def run(prepare: Callable[[], None]) -> Figures:
    importlib.import_module("bridge.cli")
    modules = _objects(MODULES)
    calls: list[list[object]] = []
    recent: deque[_Node] = deque(maxlen=RECENT)
    pauses: list[float] = []
    began = 0.0

    def note(phase: str, _: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            pauses.append(time.perf_counter() - began)

    loop = asyncio.get_running_loop()

    def litter() -> None:
        for _ in range(CYCLES_A_MS):
            recent.append(_Node())
        loop.call_later(0.001, litter)

    def call_in() -> None:
        calls.append(_objects(OF_A_CALL))
        loop.call_later(COMES_S, call_in)

    def begin() -> None:
        prepare()
        calls.extend(_objects(OF_A_CALL) for _ in range(CALLS))
        call_in()
        pauses.clear()

    with agent(tls=False) as (url, trust):
        litter()
        gc.callbacks.append(note)
        figures = await talk(url, trust, join_picows, prepare=begin)
    assert len(modules) == MODULES // 2
    longest, spent = 1000 * max(pauses, default=0.0), 1000 * sum(pauses)
    gc.collect()
    return {
        **figures,
        "longest pause, ms": longest,
        "ms in collections": spent,
        "ms of a full one": 1000 * pauses[-1],
    }


def frozen() -> None:
    gc.collect()
    gc.freeze()


def frozen_rarely() -> None:
    frozen()
    gc.set_threshold(50_000, 20, 100)


def frozen_young() -> None:
    frozen()
    only_young()


def measured(prepare: Callable[[], None]) -> Figures:
    return uvloop.run(run(prepare))


CHOICE = Choice(
    title="Garbage collector",
    text="""\
50 calls by picows on uvloop beside 160,000 objects from before the first call, 100 calls of 400
objects each to which one comes 200 times a second (50 a second would need longer than the 2.5 s),
and 10,000 small cycles a second. What is frozen, once before the first call, is never looked at
again; the calls' objects are, in each full collection, which comes by itself when enough has
outlived the young ones. The bridge collects only young objects while calls are up
(`bridge/collector.py`). A full collection is measured at the end of each case, of all that is not
frozen; where nothing is collected, cycles stay.""",
    cases={
        "as it comes": lambda: measured(lambda: None),
        "frozen": lambda: measured(frozen),
        "frozen, only young ones": lambda: measured(frozen_young),
        "frozen, thresholds 50000, 20, 100": lambda: measured(frozen_rarely),
        "disabled": lambda: measured(gc.disable),
    },
)

if __name__ == "__main__":
    CHOICE.main()
