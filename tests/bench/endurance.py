"""Let calls turn over for long, and see whether anything of them stays.

    python -m tests.bench.endurance --minutes 120 --calls 100       calls of 10 s over TLS
    python -m tests.bench.endurance --minutes 2 --calls 20 --talk 3

Prints and writes docs/bench/endurance.md: memory, descriptors, threads and tasks of the bridge over
time, and the delay of the audio. Growth is judged by the slope after the first quarter, in which
caches fill and ports of former calls come to rest. The exit status is 1 where a call failed or
something grew.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tests.bench import procfs
from tests.bench.figures import Spread, delays
from tests.bench.lab import Cores, Lab
from tests.bench.signalling import CallsFailed, Dialled
from tests.bench.worker import ROOT

REPORT = ROOT / "docs" / "bench" / "endurance.md"
ROWS = 48
"""Lines of the table, about."""
SHORTEST_S = 5.0
"""Between two of them."""
REST_S = 3.0
"""Of a phone, from one call to the next."""
WARM = 0.25
"""Of the time, before anything is judged,"""
WARM_MINUTES = 3.0
"""or so many minutes, where they are not nearly all of it: ports rest, calls are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long, and how much."""

    minutes: float
    calls: int
    """Up at once."""
    talk_s: float = 10.0
    tls: bool = True

    @property
    def rate(self) -> int:
        """Calls a second."""
        return max(1, round(self.calls / self.talk_s))

    @property
    def phones(self) -> int:
        """As many as calls may be up or just over."""
        return round(self.rate * (self.talk_s + REST_S)) + 1

    @property
    def offered(self) -> int:
        """Calls in all."""
        return round(self.rate * self.minutes * 60)

    @property
    def row_s(self) -> float:
        """From one line of the table to the next."""
        return max(SHORTEST_S, self.minutes * 60 / ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The bridge at one moment, and the audio since the one before."""

    minutes: float
    ended: int
    """Calls so far."""
    alive: int
    memory_mb: float
    descriptors: int
    threads: int
    tasks: int
    cpu: float
    """Percent of a core since the row before."""
    delay: Spread
    """Caller to agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """What a figure gained with each thousand calls, and how sure that is."""

    name: str
    allowed: float
    """Gain by a thousand calls that is none."""
    slack: float
    """Gain over all that is none."""
    thousands: float
    """Of calls that it was seen over."""
    gain: float
    error: float

    @classmethod
    def of(
        cls,
        name: str,
        calls: Sequence[float],
        values: Sequence[float],
        *,
        allowed: float,
        slack: float,
    ) -> Self:
        """The straight line that fits best."""
        x = np.asarray(calls, float) / 1000
        y = np.asarray(values, float)
        if x.size < 3 or np.ptp(x) == 0:
            return cls(name=name, allowed=allowed, slack=slack, thousands=0, gain=0.0, error=0.0)
        gain, offset = np.polyfit(x, y, 1)
        left = y - (gain * x + offset)
        error = np.sqrt((left**2).sum() / (x.size - 2) / ((x - x.mean()) ** 2).sum())
        return cls(
            name=name,
            allowed=allowed,
            slack=slack,
            thousands=float(np.ptp(x)),
            gain=float(gain),
            error=float(error),
        )

    @property
    def grew(self) -> bool:
        """More than is allowed, and more than chance."""
        sure = (self.gain - 2 * self.error) * self.thousands
        return sure > max(self.allowed * self.thousands, self.slack)


def main() -> int:
    asked = argparse.ArgumentParser(description="Let calls turn over for long.")
    asked.add_argument("--minutes", type=float, default=120.0)
    asked.add_argument("--calls", type=int, default=100, help="up at once")
    asked.add_argument("--talk", type=float, default=10.0, help="seconds of a call")
    asked.add_argument("--plain", action="store_true", help="without TLS")
    given = asked.parse_args()
    plan = Plan(minutes=given.minutes, calls=given.calls, talk_s=given.talk, tls=not given.plain)
    try:
        rows, dialled = endure(plan)
    except CallsFailed as error:
        print(f"calls failed: {error}", file=sys.stderr)
        return 1
    slopes = judge(rows)
    text = report(plan, rows, slopes, dialled)
    print(text)
    REPORT.write_text(text)
    bad = dialled.failed or dialled.answered != dialled.calls
    return 1 if bad or any(each.grew for each in slopes) else 0


def endure(plan: Plan) -> tuple[list[Row], Dialled]:
    """The rows, and what SIPp says of the calls. Raises CallsFailed where it says nothing."""
    with Lab(Cores(), tls=plan.tls, phones=plan.phones) as lab:
        batch = lab.dial(plan.offered, rate=plan.rate, talk_s=plan.talk_s)
        began = time.monotonic()
        rows: list[Row] = []
        try:
            while time.monotonic() < began + plan.minutes * 60 - 1:
                if batch.failing():
                    break
                rows.append(_row(lab, plan, began))
                print(_line(rows[-1]), file=sys.stderr, flush=True)
        except BaseException:
            batch.kill()
            raise
        try:
            return rows, batch.wait(plan.talk_s + 10)
        except CallsFailed as error:
            if error.dialled is None:
                raise
            print(f"calls failed: {error}\n{lab.log()}", file=sys.stderr)
            return rows, error.dialled


def _row(lab: Lab, plan: Plan, began: float) -> Row:
    """Watch for as long as a row takes."""
    before, since = procfs.process(lab.bridge_pid), time.monotonic()
    lab.caller.ask("begin")
    lab.echo.ask("begin")
    time.sleep(plan.row_s)
    caller, echo = lab.folder / "caller", lab.folder / "echo"
    lab.caller.ask("end", str(caller))
    lab.echo.ask("end", str(echo))
    bridge, now, metrics = procfs.process(lab.bridge_pid), time.monotonic(), lab.metrics()
    return Row(
        minutes=(now - began) / 60,
        ended=round(sum(count for name, count in metrics.items() if "calls_total{" in name)),
        alive=round(metrics["bridge_calls_active"]),
        memory_mb=bridge.resident_mb,
        descriptors=bridge.descriptors,
        threads=bridge.threads,
        tasks=round(metrics["bridge_tasks"]),
        cpu=100 * (bridge.cpu_s - before.cpu_s) / (now - since),
        delay=Spread.of(delays(caller, echo)[1]),
    )


def judge(rows: Sequence[Row]) -> list[Slope]:
    """The slopes of what must not grow, the beginning left out."""
    whole = rows[-1].minutes
    warm_up = max(WARM * whole, min(WARM_MINUTES, 0.75 * whole))
    warm = [row for row in rows if row.minutes >= warm_up]
    calls = [float(row.ended) for row in warm]
    kinds = (
        ("memory, MB", [row.memory_mb for row in warm], 0.1, 1.0),
        ("descriptors", [float(row.descriptors) for row in warm], 0.5, 5.0),
        ("threads", [float(row.threads) for row in warm], 0.1, 1.0),
        ("tasks", [float(row.tasks) for row in warm], 0.5, 10.0),
    )
    return [
        Slope.of(name, calls, values, allowed=allowed, slack=slack)
        for name, values, allowed, slack in kinds
    ]


def report(plan: Plan, rows: Sequence[Row], slopes: Sequence[Slope], dialled: Dialled) -> str:
    """All of it as Markdown."""
    setup = Spread.of(dialled.setups_s)
    grew = [each.name for each in slopes if each.grew]
    lines = [
        "# Calls that come and go for long",
        "",
        f"- machine: {procfs.machine()}; {procfs.load()} at the end",
        f"- {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}, made by"
        " `python -m tests.bench.endurance`",
        *(["- at real-time priority, because others used the machine"] if _hurried() else []),
        f"- {plan.minutes:g} minutes, {plan.calls} calls up at once, each of {plan.talk_s:g} s,"
        f" over {'TLS' if plan.tls else 'plain WebSockets'}",
        "",
        f"{dialled.calls} calls were offered, {dialled.answered} answered, {dialled.failed} failed,"
        f" {dialled.retransmissions} SIP retransmissions; INVITE to 200 {_figures(setup)} ms"
        " (p50 / p90 / p99 / max).",
        "",
        f"What grew: {', '.join(grew) or 'nothing'}.",
        "",
        "| with each thousand calls, once warm | gain | error | allowed |",
        "|---|---:|---:|---:|",
        *(f"| {s.name} | {s.gain:+.3f} | {s.error:.3f} | {s.allowed:g} |" for s in slopes),
        "",
        "| minutes | ended | alive | MB | descriptors | threads | tasks | CPU, % |"
        " caller to agent p50 / p99, ms |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *map(_line, rows),
        "",
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    return (
        f"| {row.minutes:.1f} | {row.ended} | {row.alive} | {row.memory_mb:.1f} |"
        f" {row.descriptors} | {row.threads} | {row.tasks} | {row.cpu:.1f} |"
        f" {row.delay.p50:.1f} / {row.delay.p99:.1f} |"
    )


def _hurried() -> bool:
    return os.sched_getscheduler(0) != os.SCHED_OTHER


def _figures(spread: Spread) -> str:
    return " / ".join(f"{each:.1f}" for each in (spread.p50, spread.p90, spread.p99, spread.max))


if __name__ == "__main__":
    sys.exit(main())
