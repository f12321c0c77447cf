"""Two bridges behind Kamailio: `make cluster-demo`.

Calls come in and are spread; one bridge is killed, the other one drained and begun again, while
calls keep coming. Prints what happens when, then what became of all calls. Exits with 1 and a line
for each promise that was not kept.

    python -m tests.cluster.run [--calls 40] [--brief] [--trials] [--rate 10] [--namespaces]

With --trials, two minutes longer, bridges are suspended, drained by API and restarted in turn, and
the edge is killed, under steady calls (`trials`).

With --namespaces the carrier, the edge, the bridges and the agents each have a network of their
own, connected by a switch that leads nowhere else; that takes root.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from tests.cluster.callers import Callers, Placed
from tests.cluster.house import BRIDGES, House, available
from tests.cluster.places import Loopback, Namespaces
from tests.cluster.trials import Trials

__all__ = ["main"]

DEADLINE_S = 100.0
"""Of all; it takes half of that on an idle machine."""
TRIALS_S = 240.0
"""Of the trials besides."""
FIRST, SECOND = BRIDGES
LATER = 10
"""Calls in each batch after the first."""
SOUND_S = 1.0
"""For so long a call that lives must not have been silent."""

console = Console(highlight=False, soft_wrap=True)


class Story:
    """What happens, when, and which promises were not kept."""

    def __init__(self, house: House, callers: Callers) -> None:
        self._house = house
        self._callers = callers
        self._began = time.monotonic()
        self.broken: list[str] = []
        self.rows: list[tuple[str, list[Placed]]] = []

    async def live(self, calls: int, *, brief: bool) -> None:
        """All of it; `brief` leaves out the rolling restart."""
        self._say(f"{FIRST} and {SECOND} take calls, the edge spreads them")
        first = await self._batch("both up", calls, rate=10)
        by = Counter(each.bridge for each in first)
        self._promise(max(by.values()) - min(by.values()) <= 2, f"spread evenly, not {dict(by)}")
        await asyncio.sleep(1)
        self._promise(all(map(self._talks, first)), "every call hears its agent")
        await self._death(first)
        if not brief:
            await self._rolling_restart()
        await asyncio.sleep(SOUND_S)
        living = [each for each in self._callers.placed if each.up]
        self._promise(all(map(self._talks, living)), "every call that lives still hears its agent")
        await self._callers.hang_up(living)
        self._say(f"{len(living)} callers hang up")
        for name in BRIDGES[-1:] if brief else BRIDGES:
            await self._house.until(partial(self._idle, name), f"{name} to be idle")
        self._say("no call is left on any bridge")

    async def trials(self, rate: int) -> None:
        """Under so many calls a second."""
        await Trials(self._house, self._callers, self._say, self._promise, rate=rate).all()

    async def _death(self, first: Sequence[Placed]) -> None:
        house, callers = self._house, self._callers
        doomed = [each for each in first if each.bridge == FIRST]
        house.kill(FIRST)
        self._say(f"{FIRST} is killed with {len(doomed)} calls")
        calling = asyncio.create_task(self._batch(f"{FIRST} dead", LATER, rate=2))
        await house.active(FIRST, wanted=False)
        self._say(f"the edge gives {FIRST} no more calls")
        later = await calling
        await house.until(lambda: _none_up(doomed), "the callers of the dead bridge to be told")
        self._say(f"{len(doomed)} callers of {FIRST} were told (BYE)")
        lost = [each for each in callers.placed if each.lost]
        self._promise({id(each) for each in lost} == {id(each) for each in doomed}, "only its own")
        self._promise(all(each.bridge == SECOND for each in later), f"new calls went to {SECOND}")

    async def _rolling_restart(self) -> None:
        house = self._house
        await house.run_bridge(FIRST)
        await house.active(FIRST)
        self._say(f"{FIRST} is back")
        before = await house.calls(SECOND)
        house.drain(SECOND)
        self._say(f"{SECOND} drains, with {before} calls (SIGTERM)")
        later = await self._batch(f"{SECOND} draining", LATER, rate=5)
        self._promise(all(each.bridge == FIRST for each in later), f"none went to {SECOND}")
        self._promise(await house.calls(SECOND) == before, f"{SECOND} keeps its {before} calls")
        await house.active(SECOND, wanted=False)
        self._say(f"the edge gives {SECOND} no more calls")
        theirs = [each for each in self._callers.placed if each.up and each.bridge == SECOND]
        await self._callers.hang_up(theirs)
        status = await house.gone(SECOND)
        self._promise(status == 0, f"{SECOND} left with status 0, not {status}")
        self._say(f"the last of its callers hung up, and {SECOND} left")
        await house.run_bridge(SECOND)
        calling = asyncio.create_task(self._batch(f"{SECOND} starting", LATER // 2, rate=5))
        await house.active(SECOND)
        self._say(f"{SECOND} is back")
        await calling
        last = await self._batch("both up again", LATER, rate=10)
        self._promise(SECOND in {each.bridge for each in last}, f"{SECOND} gets calls again")

    async def _batch(self, when: str, calls: int, *, rate: float) -> list[Placed]:
        placed = await self._callers.dial(calls, rate=rate)
        self.rows.append((when, placed))
        by = Counter(each.bridge or str(each.status) for each in placed)
        shown = ", ".join(f"{name} {by[name]}" for name in sorted(by))
        longest = max(each.waited_s for each in placed)
        self._say(f"  {calls} calls: {shown}; the slowest was answered after {longest:.2f} s")
        self._promise(all(each.status == 200 for each in placed), f"{when}: none refused")
        return placed

    def _talks(self, placed: Placed) -> bool:
        return placed.talks(asyncio.get_running_loop().time() - SOUND_S)

    async def _idle(self, name: str) -> bool:
        return await self._house.calls(name) == 0

    def _say(self, what: str) -> None:
        console.print(f"[dim]{time.monotonic() - self._began:6.2f} s[/]  {what}")

    def _promise(self, kept: bool, what: str) -> None:
        if not kept:
            self.broken.append(what)
            self._say(f"[red]not kept: {what}[/]")

    def table(self) -> Table:
        """What became of each batch of calls."""
        table = Table("while", "calls", "refused", FIRST, SECOND, "slowest, s", "lost", box=SIMPLE)
        for when, placed in self.rows:
            by = Counter(each.bridge for each in placed)
            lost = sum(each.lost for each in placed)
            refused = sum(each.status != 200 for each in placed)
            longest = max(each.waited_s for each in placed)
            cells = (len(placed), refused, by[FIRST], by[SECOND], f"{longest:.2f}", lost)
            table.add_row(when, *map(str, cells))
        return table


async def _none_up(calls: Sequence[Placed]) -> bool:
    return not any(each.up for each in calls)


def main() -> None:
    """Run it, and leave with its status."""
    parser = argparse.ArgumentParser(prog="cluster-demo")
    parser.add_argument("--calls", type=int, default=40, help="in the first batch")
    parser.add_argument("--brief", action="store_true", help="no rolling restart")
    parser.add_argument("--trials", action="store_true", help="hang, drain, restart besides")
    parser.add_argument("--rate", type=int, default=10, help="calls a second of the trials")
    parser.add_argument("--namespaces", action="store_true", help="a network for each (root)")
    words = parser.parse_args()
    if reason := available():
        sys.exit(f"cluster-demo: {reason}")
    if words.namespaces and Namespaces.entered() is None:
        sys.exit(_in_namespaces(sys.argv[1:]))
    with tempfile.TemporaryDirectory(prefix="uvbridge-cluster-") as folder:
        try:
            rate = words.rate if words.trials else 0
            broken = asyncio.run(_demo(Path(folder), words.calls, brief=words.brief, rate=rate))
        except (AssertionError, TimeoutError) as error:
            sys.exit(f"cluster-demo failed: {str(error) or 'not done in time'}")
        except (KeyboardInterrupt, asyncio.CancelledError):
            sys.exit(130)
    if broken:
        sys.exit("cluster-demo failed: " + "; ".join(broken))


async def _demo(folder: Path, calls: int, *, brief: bool, rate: int) -> list[str]:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    places = Namespaces.entered() or Loopback()
    async with (
        asyncio.timeout(DEADLINE_S + (TRIALS_S if rate else 0)),
        House(folder, places) as house,
        Callers(house) as callers,
    ):
        story = Story(house, callers)
        await story.live(calls, brief=brief)
        if rate:
            await story.trials(rate)
    console.print(story.table())
    return story.broken


def _in_namespaces(words: Sequence[str]) -> int:
    """Run the same in the carrier's namespace; its exit status."""
    if reason := Namespaces.why_not():
        print(f"cluster-demo: {reason}", file=sys.stderr)
        return 3
    with Namespaces(f"uv{os.getpid()}") as spaces:
        again = (*spaces.at("carrier"), sys.executable, "-m", "tests.cluster.run", *words)
        return subprocess.run(again, env=spaces.environment(), check=False).returncode


if __name__ == "__main__":
    main()
