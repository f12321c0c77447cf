"""Offer the bridge three times what fits: what is refused, and how those fare who are on a call.

    python -m tests.bench.overload                  3 minutes, writes docs/bench/overload.md
    python -m tests.bench.overload --seconds 20     shorter, and writes nothing

There are not phones enough for three times what a core carries. So the bridge may use less than
half of it. With `--neighbours 1 --busy 85` another program computes on its core without end: then
how late the audio is decides. The exit status is 1 where a call was lost.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np

from tests.bench import procfs
from tests.bench.figures import Spread, delays, lateness_on_the_wire, load_lateness
from tests.bench.lab import Cores, Lab
from tests.bench.signalling import Offered
from tests.bench.worker import ROOT, pinned

REPORT = ROOT / "docs" / "bench" / "overload.md"
SETTLE_S = 5.0
REST_S = 3.0
"""Of a phone, from one call to the next."""
RAMP_S = 25.0
"""How long it may take to find out how much fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is offered."""

    neighbours: int = 0
    """Programs that compute without end on the bridge's core."""
    busy: int = 40
    """Percent of a core at which the bridge is to close."""
    phones: int = 1000
    ramp: int = 20
    """Calls a second by which it is found out how many fit."""
    talk_s: float = 8.0
    before_s: float = 10.0
    seconds: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """What is offered."""

    fits: int
    """Calls that were up when admission closed, when they came one after the other."""
    held: int
    """Calls that are up from the beginning to the end, whose figures are taken: half of them."""
    rate: int
    """Calls offered a second, so that with those held thrice what fits would be up.

    Fewer where there are too few phones for that: each rests from one call to the next.
    """

    @classmethod
    def of(cls, fits: int, plan: Plan) -> Self:
        """Thrice what fits."""
        held = fits // 2
        rate = min((3 * fits - held) / plan.talk_s, (plan.phones - held) / (plan.talk_s + REST_S))
        return cls(fits=fits, held=held, rate=round(rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the callers that are held saw in one stretch, in milliseconds."""

    uplink: Spread
    round_trip: Spread
    behind: Spread
    """Each packet, against the earliest of its call ."""
    per_call_s: float
    """Packets that a caller got each second."""
    load: Spread
    """How late the load itself was."""


def main() -> int:
    usual = Plan()
    asked = argparse.ArgumentParser(description="Offer the bridge more calls than it can carry.")
    asked.add_argument("--seconds", type=float, default=usual.seconds)
    asked.add_argument("--neighbours", type=int, default=usual.neighbours)
    asked.add_argument("--busy", type=int, default=usual.busy)
    given = asked.parse_args()
    plan = Plan(seconds=given.seconds, neighbours=given.neighbours, busy=given.busy)
    text, held = measure(plan)
    print(text)
    if plan == usual:
        REPORT.write_text(text)
    return 0 if held else 1


def measure(plan: Plan) -> tuple[str, bool]:
    """The report, and whether all held that should."""
    cores = Cores()
    with ExitStack() as exits:
        admission = f"{{max_busy_percent: {plan.busy}}}"
        lab = exits.enter_context(Lab(cores, tls=False, phones=plan.phones, admission=admission))
        exits.enter_context(neighbours(plan.neighbours, cores.bridge))
        time.sleep(SETTLE_S)
        flood = Flood.of(_what_fits(lab, plan), plan)
        held = flood.held
        lab.raise_calls_to(held, rate=plan.ramp)
        time.sleep(SETTLE_S)
        before = _watch(lab, held, plan.before_s)
        batch = lab.offer(round(flood.rate * plan.seconds), rate=flood.rate, talk_s=plan.talk_s)
        exits.callback(batch.kill)
        gauge = Gauge(lab)
        during = _watch(lab, held, plan.seconds, look=gauge.look)
        offered = batch.wait_offered(plan.talk_s + 10)
        time.sleep(1)
        left = lab.live()
        lab.end_calls()
    seen = Seen(offered=offered, before=before, during=during, gauge=gauge, left=left)
    return _report(plan, flood, seen), not offered.others and left == held


def _what_fits(lab: Lab, plan: Plan) -> int:
    """Let calls come one after the other until the bridge takes no more; they are ended then."""
    most = round(RAMP_S * plan.ramp)
    batch = lab.offer(most, rate=plan.ramp, talk_s=600)
    fits = 0
    until = time.monotonic() + RAMP_S + 2
    while time.monotonic() < until:
        metrics = lab.metrics()
        fits = round(metrics["bridge_calls_active"])
        if not metrics['bridge_admission{state="open"}']:
            break
        time.sleep(0.2)
    batch.kill()
    while lab.metrics()["bridge_calls_active"]:
        lab.echo.ask("close")
        time.sleep(0.5)
    time.sleep(SETTLE_S)
    return fits


@contextmanager
def neighbours(count: int, core: int) -> Iterator[None]:
    """Let `count` programs compute without end on `core`."""
    program = [sys.executable, "-c", "while True: pass"]
    others = [pinned(program, {core}, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()


def _watch(
    lab: Lab, held: int, seconds: float, *, look: Callable[[], None] = lambda: None
) -> Heard:
    """What the callers that are held see for so long; `look` is called each second."""
    lab.caller.ask("begin")
    lab.echo.ask("begin")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        look()
        time.sleep(1)
    caller, echo = lab.folder / "caller.npz", lab.folder / "echo.npz"
    lab.caller.ask("end", str(caller))
    lab.echo.ask("end", str(echo))
    round_trip, uplink, _, _ = delays(caller, echo, callers=held)
    behind = lateness_on_the_wire(caller, callers=held)
    return Heard(
        uplink=Spread.of(uplink),
        round_trip=Spread.of(round_trip),
        behind=Spread.of(behind),
        per_call_s=behind.size / held / seconds,
        load=load_lateness(caller),
    )


class Gauge:
    """What the bridge said of itself, each second of the flood."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.alive: list[float] = []
        self.late_ms: list[float] = []
        self.closed = 0

    def look(self) -> None:
        """Take one sample."""
        metrics = self._lab.metrics()
        self.alive.append(metrics["bridge_calls_active"])
        self.late_ms.append(1000 * metrics["bridge_late_seconds"])
        self.closed += metrics['bridge_admission{state="open"}'] == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of it."""

    offered: Offered
    before: Heard
    during: Heard
    gauge: Gauge
    left: int
    """Calls of those held that are still up at the end."""


def _report(plan: Plan, flood: Flood, seen: Seen) -> str:
    offered, before, during, gauge = seen.offered, seen.before, seen.during, seen.gauge
    answered, refused = Spread.of(offered.answered_s), Spread.of(offered.refused_s)
    rows = [
        ("caller to agent", before.uplink, during.uplink),
        ("round trip", before.round_trip, during.round_trip),
        ("packets behind their schedule", before.behind, during.behind),
        ("the load's own lateness", before.load, during.load),
    ]
    alive, late = np.percentile(gauge.alive, (50, 100)), np.percentile(gauge.late_ms, (50, 100))
    lines = [
        "# Three times what fits",
        "",
        f"- machine: {procfs.machine()}",
        f"- {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}, made by"
        " `python -m tests.bench.overload`",
        f"- {plan.neighbours} programs that compute without end share the bridge's core, of which"
        f" it may use {plan.busy} %; what else the machine did: {procfs.load()}",
        "",
        f"{flood.fits} calls fit when they come {plan.ramp} a second. {flood.held} are held"
        f" throughout; for {plan.seconds:.0f} s, {flood.rate} more a"
        f" second of {plan.talk_s:g} s are offered, which would be"
        f" {flood.held + flood.rate * plan.talk_s:.0f} at once.",
        "",
        "| offered | answered | refused | otherwise | alive, median and most | held at the end |",
        "|---:|---:|---:|---:|---:|---:|",
        f"| {offered.calls} | {len(offered.answered_s)} | {len(offered.refused_s)} |"
        f" {offered.others} | {alive[0]:.0f}, {alive[1]:.0f} | {seen.left} of {flood.held} |",
        "",
        f"INVITE to 503: {_figures(refused)} ms (p50 / p90 / p99 / max);"
        f" to 200: {_figures(answered)}. SIP retransmissions: {offered.retransmissions}.",
        f"Admission was other than open for {gauge.closed} of {len(gauge.alive)} s; audio was late"
        f" by {late[0]:.1f} ms at the median, {late[1]:.1f} at most, by the bridge's own reading.",
        "",
        "| of the calls held, ms: p50 / p90 / p99 / max | before | during |",
        "|---|---:|---:|",
        *(f"| {name} | {_figures(one)} | {_figures(other)} |" for name, one, other in rows),
        f"| packets heard, a call and second | {before.per_call_s:.1f} | {during.per_call_s:.1f} |",
        "",
    ]
    return "\n".join(lines)


def _figures(spread: Spread) -> str:
    return " / ".join(f"{each:.1f}" for each in (spread.p50, spread.p90, spread.p99, spread.max))


if __name__ == "__main__":
    sys.exit(main())
