"""One run over one kind of WebSocket: raise the calls level by level, then let calls turn over."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from tests.bench import procfs
from tests.bench.columns import read_columns
from tests.bench.figures import (
    Level,
    Manners,
    Spread,
    Turnover,
    barge_ins,
)
from tests.bench.lab import Cores, Lab
from tests.bench.report import STOLEN_PERCENT
from tests.bench.signalling import CallsFailed
from tests.bench.window import Window

__all__ = ["Plan", "Run", "measure", "undisturbed"]

_FINISH_S = 0.5
"""From the last clear until its sound has ended."""
_AGAIN = 2
"""Windows of a run that may be measured again because the host took the core away."""
_STEPS = ("ringing", "agent-created", "agent-joined", "answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    levels: tuple[int, ...] = (20, 50, 100, 200, 400)
    settle_s: float = 6.0
    """From the last answer to the window: first frames, first pings, RTCP."""
    window_s: float = 20.0
    rate: int = 20
    """Calls dialled a second."""
    manners_calls: int = 100
    """How many while agents are silent, and are interrupted; for half a window each. This and the
    next ones may be 0."""
    turnover_calls: int = 600
    talk_s: float = 5.0
    rush_calls: int = 500
    rush_rate: int = 50
    rush_talk_s: float = 1.0

    @property
    def phones(self) -> int:
        """As many as calls may be up at once, those just ending included."""
        turning = int(self.rate * (self.talk_s + 2))
        rushing = int(self.rush_rate * (self.rush_talk_s + 2))
        return max(*self.levels, self.manners_calls, turning, rushing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All figures over one kind of WebSocket."""

    tls: bool
    idle_mb: float
    """Memory of the bridge before its first call."""
    idle_cpu: float
    """Percent of a core, with no calls."""
    levels: list[Level] = field(default_factory=list)
    manners: Manners | None
    turnover: Turnover | None
    rush: Turnover | None
    """The same at a higher rate, with short calls."""

    @property
    def mb_per_call(self) -> float:
        """What each call of the highest level added to the bridge's memory."""
        return (self.levels[-1].resident_mb - self.idle_mb) / self.levels[-1].calls


def measure(cores: Cores, plan: Plan, *, tls: bool) -> Run:
    """Measure all of `plan`. Raises CallsFailed when a single call does."""
    kind = "wss" if tls else "ws"
    with Lab(cores, tls=tls, phones=plan.phones) as lab:
        before, since = procfs.process(lab.bridge_pid), time.monotonic()
        time.sleep(plan.settle_s)
        idle = procfs.process(lab.bridge_pid)
        idle_cpu = 100 * (idle.cpu_s - before.cpu_s) / (time.monotonic() - since)
        windows: list[tuple[Window, int]] = []
        patience = _AGAIN
        for calls in plan.levels:
            _tell(f"{kind}: {calls} calls")
            lab.raise_calls_to(calls, rate=plan.rate)
            time.sleep(plan.settle_s)
            windows.append(undisturbed(lab, calls, plan.window_s, patience))
            patience -= windows[-1][1] - 1
        batches = lab.end_calls()
        manners = _manners(lab, plan) if plan.manners_calls else None
        turnover = _turn_over(lab, plan.turnover_calls, rate=plan.rate, talk_s=plan.talk_s)
        rush = _turn_over(lab, plan.rush_calls, rate=plan.rush_rate, talk_s=plan.rush_talk_s)
        _prove_none_refused(lab.metrics())
    return Run(
        tls=tls,
        idle_mb=round(idle.resident_mb, 1),
        idle_cpu=round(idle_cpu, 2),
        levels=[
            window.level(batch, windows=count)
            for (window, count), batch in zip(windows, batches, strict=True)
        ],
        manners=manners,
        turnover=turnover,
        rush=rush,
    )


def undisturbed(lab: Lab, calls: int, seconds: float, patience: int) -> tuple[Window, int]:
    """The first window that the host does not disturb, and its number; else the last one tried.

    Whether it is good enough is told by the host alone, before anything else of it is known.
    """
    window, number = Window(lab, calls, seconds), 1
    while window.stolen > STOLEN_PERCENT and number <= patience:
        _tell(f"the host took {window.stolen:.1f} % of the core away")
        window, number = Window(lab, calls, seconds), number + 1
    return window, number


def _manners(lab: Lab, plan: Plan) -> Manners:
    calls, seconds = plan.manners_calls, plan.window_s / 2
    _tell(f"{calls} calls whose agents are silent, then interrupted")
    lab.raise_calls_to(calls, rate=plan.rate)
    lab.echo.ask("silent")
    time.sleep(plan.settle_s / 2)
    first, since = procfs.process(lab.bridge_pid), time.monotonic()
    time.sleep(seconds)
    used = procfs.process(lab.bridge_pid).cpu_s - first.cpu_s
    passed = time.monotonic() - since
    lab.echo.ask("burst")
    for worker in (lab.caller, lab.echo):
        worker.ask("begin")
    time.sleep(seconds)
    lab.echo.ask("echo")
    time.sleep(_FINISH_S)
    caller, echo = lab.folder / "caller-burst.columns", lab.folder / "echo-burst.columns"
    lab.caller.ask("end", str(caller))
    lab.echo.ask("end", str(echo))
    lab.end_calls()
    return Manners(
        calls=calls,
        silent_cpu_per_call=round(100 * used / passed / calls, 4),
        clears=len(read_columns(echo)["cleared"]),
        barge_in=Spread.of(barge_ins(caller, echo)),
    )


def _turn_over(lab: Lab, calls: int, *, rate: int, talk_s: float) -> Turnover | None:
    if not calls:
        return None
    _tell(f"{calls} calls at {rate} a second")
    dialled = lab.turn_over(calls, rate=rate, talk_s=talk_s)
    span = dialled.answered_at[-1] - dialled.answered_at[0]
    whole = range(int(dialled.answered_at[-1]))
    by_second = [sum(second <= at < second + 1 for at in dialled.answered_at) for second in whole]
    return Turnover(
        rate=rate,
        offered=dialled.calls,
        answered=dialled.answered,
        failed=dialled.failed,
        retransmissions=dialled.retransmissions,
        answered_per_s=round((dialled.answered - 1) / span, 2) if span else 0.0,
        slowest_second=min(by_second, default=dialled.answered),
        setup=Spread.of(dialled.setups_s),
        steps=_steps(lab, calls),
    )


def _steps(lab: Lab, calls: int) -> dict[str, float]:
    """Median milliseconds to each step of the last `calls` in the bridge's journal."""
    lines = (lab.folder / "journal.jsonl").read_text().splitlines()[-calls:]
    timings = [json.loads(line)["timings"] for line in lines]
    known = ((step, [each[step] for each in timings if step in each]) for step in _STEPS)
    return {step: round(1000 * median(times), 2) for step, times in known if times}


def _prove_none_refused(metrics: Mapping[str, float]) -> None:
    """SIPp's word is not enough: the bridge must have counted only calls that went well."""
    bad = {
        name: count
        for name, count in metrics.items()
        if count
        and (
            (name.startswith("bridge_calls_total{") and 'result="success"' not in name)
            or name == "bridge_strangers_total"
            or (name.startswith("bridge_ultravox_requests_total{") and '"201"' not in name)
        )
    }
    if bad:
        raise CallsFailed(f"the bridge counted other than good calls: {bad}")


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
