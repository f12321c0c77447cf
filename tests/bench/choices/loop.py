"""uvloop against the standard library's loop."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from tests.bench.choices.table import Choice, Figures
from tests.bench.choices.talk import agent, join_picows, talk

Run = Callable[[Coroutine[Any, Any, Figures]], Figures]


def measured(run: Run, *, tls: bool) -> Figures:
    with agent(tls=tls) as (url, trust):
        return run(talk(url, trust, join_picows))


CHOICE = Choice(
    title="Event loop",
    text="50 calls by picows, messages of 20 ms both ways.",
    cases={
        f"{name}, {'wss' if tls else 'ws'}": functools.partial(measured, run, tls=tls)
        for tls in (False, True)
        for name, run in (("uvloop", uvloop.run), ("asyncio", asyncio.run))
    },
)

if __name__ == "__main__":
    CHOICE.main()
