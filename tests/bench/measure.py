"""One run over one kind of WebSocket: raise the calls level by level, then let calls turn over."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from tests.bench import procfs
from tests.bench.figures import (
    Level,
    Spread,
    Turnover,
    delays,
    histogram_bound,
    lateness_on_the_wire,
    load_lateness,
)
from tests.bench.lab import Cores, Lab
from tests.bench.signalling import CallsFailed, Dialled

__all__ = ["Plan", "Run", "measure"]

_TICK_METRIC = "bridge_tick_late_seconds"
_STEPS = ("ringing", "agent-created", "agent-joined", "answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    levels: tuple[int, ...] = (20, 50, 100)
    settle_s: float = 6.0
    """From the last answer to the window: first frames, first pings, RTCP."""
    window_s: float = 30.0
    rate: int = 20
    """Calls dialled a second."""
    turnover_calls: int = 600
    talk_s: float = 5.0

    @property
    def phones(self) -> int:
        """As many as calls may be up at once, those just ending included."""
        return max(*self.levels, int(self.rate * (self.talk_s + 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All figures over one kind of WebSocket."""

    tls: bool
    idle_mb: float
    """Memory of the bridge before its first call."""
    idle_cpu: float
    """Percent of a core, with no calls."""
    levels: list[Level] = field(default_factory=list)
    turnover: Turnover

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
        windows = []
        for calls in plan.levels:
            _tell(f"{kind}: {calls} calls")
            lab.raise_calls_to(calls, rate=plan.rate)
            time.sleep(plan.settle_s)
            windows.append(_Window(lab, calls, plan.window_s))
        batches = lab.end_calls()
        _tell(f"{kind}: {plan.turnover_calls} calls at {plan.rate} a second")
        turnover = _turn_over(lab, plan)
        _prove_none_refused(lab.metrics())
    return Run(
        tls=tls,
        idle_mb=round(idle.resident_mb, 1),
        idle_cpu=round(idle_cpu, 2),
        levels=[window.level(batch) for window, batch in zip(windows, batches, strict=True)],
        turnover=turnover,
    )


class _Window:
    """Readings at both ends of a steady stretch, and what callers and agent saw in it."""

    def __init__(self, lab: Lab, calls: int, seconds: float) -> None:
        self.calls = calls
        first = self._readings(lab)
        metrics = lab.metrics()
        lab.caller.ask("begin")
        lab.echo.ask("begin")
        since = time.monotonic()
        time.sleep(seconds)
        last = self._readings(lab)
        self.seconds = time.monotonic() - since
        caller, echo = lab.folder / f"caller-{calls}.columns", lab.folder / f"echo-{calls}.columns"
        self._seen = lab.caller.ask("end", str(caller))
        lab.echo.ask("end", str(echo))
        self._delays = delays(caller, echo)
        self._behind = Spread.of(lateness_on_the_wire(caller))
        self._late = {"caller": load_lateness(caller), "echo": load_lateness(echo)}
        self._ticks = [
            1000 * histogram_bound(metrics, lab.metrics(), _TICK_METRIC, quantile)
            for quantile in (0.5, 0.99)
        ]
        self._used = {name: last[name] - first[name] for name in first}
        self._bridge = procfs.process(lab.bridge_pid)

    @staticmethod
    def _readings(lab: Lab) -> dict[str, float]:
        bridge, core = procfs.process(lab.bridge_pid), procfs.core_times(lab.cores.bridge)
        return {
            "bridge": bridge.cpu_s,
            "system": bridge.system_s,
            "core": core.busy_s,
            "stolen": core.stolen_s,
            "caller": procfs.process(lab.caller.pid).cpu_s,
            "echo": procfs.process(lab.echo.pid).cpu_s,
        }

    def level(self, batch: Dialled) -> Level:
        """The figures, with the set-up of the calls that were added for it."""
        used, seen, bridge = self._used, self._seen, self._bridge
        percent = {name: 100 * each / self.seconds for name, each in used.items()}
        round_trip, uplink, downlink, held = (Spread.of(each) for each in self._delays)
        return Level(
            calls=self.calls,
            seconds=round(self.seconds, 2),
            cpu_per_call=round(percent["bridge"] / self.calls, 4),
            system_share=round(used["system"] / used["bridge"], 3),
            resident_mb=round(bridge.resident_mb, 1),
            threads=bridge.threads,
            descriptors=bridge.descriptors,
            setup=Spread.of(batch.setups_s),
            round_trip=round_trip,
            uplink=uplink,
            downlink=downlink,
            held=held,
            behind_schedule=self._behind,
            tick_late_p50_ms=self._ticks[0],
            tick_late_p99_ms=self._ticks[1],
            frames_sent=seen["sent"],
            frames_heard=round_trip.count,
            filled=seen["filled"],
            broken=seen["broken"],
            strange=seen["strange"],
            caller_late=self._late["caller"],
            echo_late=self._late["echo"],
            caller_cpu=round(percent["caller"], 1),
            echo_cpu=round(percent["echo"], 1),
            others_cpu=round(percent["core"] - percent["bridge"], 1),
            stolen_cpu=round(percent["stolen"], 1),
        )


def _turn_over(lab: Lab, plan: Plan) -> Turnover:
    dialled = lab.turn_over(plan.turnover_calls, rate=plan.rate, talk_s=plan.talk_s)
    span = dialled.answered_at[-1] - dialled.answered_at[0]
    whole = range(int(dialled.answered_at[-1]))
    by_second = [sum(second <= at < second + 1 for at in dialled.answered_at) for second in whole]
    return Turnover(
        rate=plan.rate,
        offered=dialled.calls,
        answered=dialled.answered,
        failed=dialled.failed,
        retransmissions=dialled.retransmissions,
        answered_per_s=round((dialled.answered - 1) / span, 2) if span else 0.0,
        slowest_second=min(by_second, default=dialled.answered),
        setup=Spread.of(dialled.setups_s),
        steps=_steps(lab, plan.turnover_calls),
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
