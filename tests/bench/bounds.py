"""Measure what bounds the cost of a call: the bridge beside what it cannot go below.

    python -m tests.bench.bounds                     4 minutes, writes docs/bench/bounds.md
    python -m tests.bench.bounds --levels 20,50      other numbers of calls, prints only

The exit status is 1 when a call failed.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.bench import procfs
from tests.bench.figures import Level
from tests.bench.lab import Cores
from tests.bench.measure import Plan, measure
from tests.bench.signalling import CallsFailed
from tests.bench.worker import ROOT

__all__ = ["lines"]

REPORT = ROOT / "docs" / "bench" / "bounds.md"
PLAN = Plan(levels=(100, 200, 400), manners_calls=0, turnover_calls=0, rush_calls=0)
_TEXT = """\
G.711, 20 ms both ways, over TLS; [the report](README.md) says how each row is measured.

- **The same packets in C**: load and agent send, receive, mark and encrypt what the bridge does,
  and do nothing else. That is what the packets cost here in any language, the kernel included.
- **Beyond that**: the bridge's own work. It reads, orders, decodes, repairs and encodes what they
  only copy, and frames what it says to the agent.
- **On a core that never idles**: the bridge where its core cannot fall asleep between two beats.
  What that saves is no part of the code but this machine's price for waking, a thousand times a
  second whatever the number of calls."""


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description="Measure what bounds the cost of a call.")
    parser.add_argument("--levels", help="numbers of calls, rising")
    asked = parser.parse_args()
    plan = PLAN
    if asked.levels:
        plan = replace(plan, levels=tuple(int(each) for each in asked.levels.split(",")))
    try:
        levels = measure(Cores(), plan, tls=True).levels
    except CallsFailed as error:
        print(f"calls failed: {error}", file=sys.stderr)
        return 1
    text = "\n".join(lines(levels)) + "\n"
    print(text)
    if plan is PLAN:
        REPORT.write_text(text)
    return 0


def lines(levels: Sequence[Level]) -> Iterator[str]:
    """The page, as Markdown."""
    yield from ("# What bounds the cost of a call", "")
    yield f"- machine: {procfs.machine()}; {procfs.load()} at the end"
    yield f"- a loop of 100,000 squares in Python takes {procfs.pace_ms():.1f} ms here"
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    yield f"- {when}, made by `python -m tests.bench.bounds`"
    yield from ("", _TEXT, "")
    yield _row("calls", *(str(at.calls) for at in levels), "target")
    yield "|---|" + "---:|" * (len(levels) + 1)
    costs = [at.cpu_per_call for at in levels]
    packets = [(at.caller_cpu + at.echo_cpu) / at.calls for at in levels]
    beyond = [cost - least for cost, least in zip(costs, packets, strict=True)]
    awake = [at.awake_cpu_per_call for at in levels]
    rows = (
        ("CPU per call, % of a core", costs, "0.20"),
        ("the same packets in C", packets, ""),
        ("beyond that", beyond, ""),
        ("on a core that never idles", awake, ""),
    )
    for name, values, target in rows:
        yield _row(name, *(f"{each:.3f}" for each in values), target)
    beats = (f"{100 * at.behind_share:.2f}" for at in levels)
    yield _row("beats more than 10 ms late, %", *beats, "1 at 400")
    load = (f"{max(at.caller_late.p99, at.echo_late.p99):.1f}" for at in levels)
    yield _row("lateness of load and agent, p99 ms", *load, "< 2")
    others = (f"{at.others_cpu + at.stolen_cpu:.1f}" for at in levels)
    yield _row("others on the bridge's core, %", *others, "")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
