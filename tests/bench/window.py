"""One steady stretch of calls: what it cost, how late it was, what callers and agents heard."""

import time

from tests.bench import procfs
from tests.bench.awake import awake
from tests.bench.figures import (
    Level,
    Spread,
    delays,
    histogram_bound,
    lateness_on_the_wire,
    load_lateness,
)
from tests.bench.lab import Lab
from tests.bench.signalling import Dialled

__all__ = ["Window"]

_TICK_METRIC = "bridge_tick_late_seconds"
_BEATS = ("bridge_ticks_total", "bridge_ticks_behind_total")
_AWAKE = 0.2
"""How long the core is kept awake after the window, as a part of it."""


class Window:
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
        after = lab.metrics()
        self._ticks = [
            1000 * histogram_bound(metrics, after, _TICK_METRIC, quantile)
            for quantile in (0.5, 0.99)
        ]
        beats, behind = (after[name] - metrics[name] for name in _BEATS)
        self._behind_share = behind / beats
        self._used = {name: last[name] - first[name] for name in first}
        self._bridge = procfs.process(lab.bridge_pid)
        self._pace_ms = procfs.pace_ms()
        with awake(lab.cores.bridge):
            self._awake = _used(lab.bridge_pid, seconds * _AWAKE) / calls

    @staticmethod
    def _readings(lab: Lab) -> dict[str, float]:
        bridge, core = procfs.process(lab.bridge_pid), procfs.core_times(lab.cores.bridge)
        return {
            "bridge": bridge.cpu_s,
            "system": bridge.system_s,
            "idle": core.idle_s,
            "stolen": core.stolen_s,
            "caller": procfs.process(lab.caller.pid).cpu_s,
            "echo": procfs.process(lab.echo.pid).cpu_s,
        }

    @property
    def stolen(self) -> float:
        """Percent of the bridge's core that the host took meanwhile."""
        return 100 * self._used["stolen"] / self.seconds

    def level(self, batch: Dialled, *, windows: int = 1) -> Level:
        """The figures, with the set-up of the calls that were added for it.

        `windows` is how many were measured before this one was good enough.
        """
        used, seen, bridge = self._used, self._seen, self._bridge
        percent = {name: 100 * each / self.seconds for name, each in used.items()}
        round_trip, uplink, downlink, held = (Spread.of(each) for each in self._delays)
        return Level(
            calls=self.calls,
            seconds=round(self.seconds, 2),
            cpu_per_call=round(percent["bridge"] / self.calls, 4),
            windows=windows,
            pace_ms=round(self._pace_ms, 2),
            awake_cpu_per_call=round(self._awake, 4),
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
            behind_share=round(self._behind_share, 5),
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
            others_cpu=round(100 - percent["idle"] - percent["stolen"] - percent["bridge"], 1),
            stolen_cpu=round(self.stolen, 1),
        )


def _used(pid: int, seconds: float) -> float:
    """Percent of a core that a process takes meanwhile."""
    before, since = procfs.process(pid).cpu_s, time.monotonic()
    time.sleep(seconds)
    return 100 * (procfs.process(pid).cpu_s - before) / (time.monotonic() - since)
