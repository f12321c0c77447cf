"""Which garbage collection a process with audio bears."""

import asyncio
import gc
import importlib
import time
from collections import deque
from collections.abc import Callable

import uvloop

from tests.bench.choices.table import Choice, Figures
from tests.bench.choices.talk import agent, join_picows, talk

LIVES = 200_000
"""Objects that stay: about what 100 calls hold beside the modules."""
CYCLES_A_MS = 10
"""Small reference cycles made each millisecond, as tasks and exceptions leave them,"""
RECENT = 5_000
"""and how many of the last ones are still held: half a second's."""


class _Node:
    def __init__(self) -> None:
        self.me = self


async def run(prepare: Callable[[], None]) -> Figures:
    importlib.import_module("bridge.cli")
    lives: list[list[object]] = [[] for _ in range(LIVES)]
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

    def begin() -> None:
        prepare()
        pauses.clear()

    with agent(tls=False) as (url, trust):
        litter()
        gc.callbacks.append(note)
        figures = await talk(url, trust, join_picows, prepare=begin)
    assert len(lives) == LIVES
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


def measured(prepare: Callable[[], None]) -> Figures:
    return uvloop.run(run(prepare))


CHOICE = Choice(
    title="Garbage collector",
    text="""\
50 calls by picows on uvloop beside 200,000 objects that stay and 10,000 small cycles a second that
do not. A full collection comes when enough has outlived the others, here not within the 2.5 s: its
length is measured after them. Frozen objects are never looked at again; where nothing is collected,
cycles stay.""",
    cases={
        "as it comes": lambda: measured(lambda: None),
        "thresholds 50000, 20, 100": lambda: measured(lambda: gc.set_threshold(50_000, 20, 100)),
        "frozen": lambda: measured(frozen),
        "frozen, thresholds 50000, 20, 100": lambda: measured(frozen_rarely),
        "disabled": lambda: measured(gc.disable),
    },
)

if __name__ == "__main__":
    CHOICE.main()
