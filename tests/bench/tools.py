"""Measure what tools of users do to the audio: the same calls without, then with them.

    python -m tests.bench.tools                50 calls, 2 windows of 15 s, prints and keeps nothing
    python -m tests.bench.tools --calls 20 --seconds 5

Each agent uses a tool twice a second. The first one's computes for most of the time, in plain
Python; the others' wait for 20 ms. The tools' process is on the core of the bridge, the worst place
for it.
"""

import argparse
import sys
import time
from collections.abc import Mapping

from tests.bench.figures import Level
from tests.bench.lab import Cores, Lab
from tests.bench.signalling import CallsFailed
from tests.bench.window import Window

__all__ = ["table"]

TOOLS = ("tests.bench.user_tools:look_up", "tests.bench.user_tools:compute")
SETTLE_S = 5.0
RATE = 20
"""Calls dialled a second."""


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Measure calls whose agents use tools.")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each window")
    asked = parser.parse_args()
    try:
        without, using, used = _measure(asked.calls, asked.seconds)
    except CallsFailed as error:
        print(f"calls failed: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(without, using, used)))
    return 0


def _measure(calls: int, seconds: float) -> tuple[Level, Level, Mapping[str, float]]:
    with Lab(Cores(), tls=False, phones=calls, tools=TOOLS) as lab:
        lab.raise_calls_to(calls, rate=RATE)
        time.sleep(SETTLE_S)
        without = Window(lab, calls, seconds)
        lab.echo.ask("tools")
        time.sleep(SETTLE_S)
        before = lab.metrics()
        using = Window(lab, calls, seconds)
        after = lab.metrics()
        lab.echo.ask("no-tools")
        (batch,) = lab.end_calls()
    name = "bridge_tool_calls_total"
    used = {
        key.partition('"')[2].partition('"')[0]: after[key] - before.get(key, 0.0)
        for key in after
        if key.startswith(name)
    }
    return without.level(batch), using.level(batch), used


def table(without: Level, using: Level, used: Mapping[str, float]) -> list[str]:
    """Both windows side by side, a line for each figure (Markdown)."""
    rows = [
        ("frames sent by the callers", *(each.frames_sent for each in (without, using))),
        ("of them heard back", *(each.frames_heard for each in (without, using))),
        ("packets of silence instead", *(each.filled for each in (without, using))),
        ("bridge, percent of a core", *(round(each.cpu, 1) for each in (without, using))),
    ]
    for text, name in (("behind schedule", "behind_schedule"), ("round trip", "round_trip")):
        for part in ("p50", "p99", "max"):
            values = (getattr(getattr(each, name), part) for each in (without, using))
            rows.append((f"{text}, ms, {part}", *values))
    ticks = (f"{each.tick_late_p50_ms} / {each.tick_late_p99_ms}" for each in (without, using))
    rows.append(("worst tick of each call in 5 s, ms, p50 / p99", *ticks))
    done = ", ".join(f"{count:g} {kind}" for kind, count in used.items() if count)
    return [
        f"{using.calls} calls for {using.seconds:.0f} s; tools used meanwhile: {done or 'none'}",
        "",
        "| | without tools | with tools |",
        "|---|---:|---:|",
        *(f"| {text} | {a} | {b} |" for text, a, b in rows),
    ]


if __name__ == "__main__":
    sys.exit(main())
