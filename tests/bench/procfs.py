"""What /proc knows of a process and a core: processor time, memory, descriptors.

Processor time is always read twice and subtracted: what `ps` shows is an average over a lifetime.
"""

import os
import platform
import timeit
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Core", "Process", "core_times", "load", "machine", "pace_ms", "process"]

_TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One reading of a process, all threads together."""

    user_s: float
    system_s: float
    resident_mb: float
    threads: int
    descriptors: int

    @property
    def cpu_s(self) -> float:
        """Seconds of a core used since its start."""
        return self.user_s + self.system_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One reading of a core's clock, in seconds since boot.

    Idleness is measured, business only sampled by ticks, which a process that rests until a tick
    and then works for less than one falls between: so whoever asks is told of idleness.
    """

    idle_s: float
    stolen_s: float
    """Taken by the hypervisor for another guest."""


def process(pid: int) -> Process:
    """Read process `pid`. Raises FileNotFoundError when it is gone."""
    folder = Path(f"/proc/{pid}")
    # The name in parentheses may hold spaces; what follows it may not (proc_pid_stat(5)).
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    status = (folder / "status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Process(
        user_s=int(fields[11]) / _TICKS_S,
        system_s=int(fields[12]) / _TICKS_S,
        resident_mb=int(resident.split()[1]) / 1024,
        threads=int(fields[17]),
        descriptors=len(list((folder / "fd").iterdir())),
    )


def core_times(core: int) -> Core:
    """Read how long core `core` has done nothing so far (proc_stat(5))."""
    lines = Path("/proc/stat").read_text().splitlines()
    line = next(each for each in lines if each.split()[0] == f"cpu{core}")
    fields = [int(each) / _TICKS_S for each in line.split()[1:9]]
    return Core(idle_s=fields[3] + fields[4], stolen_s=fields[7])


def load() -> str:
    """Programs that ran or waited for a core, on average over the last minute."""
    return f"load {os.getloadavg()[0]:.1f}"


def pace_ms() -> float:
    """What a fixed loop takes at best, in milliseconds: machines differ more than their names."""
    return 1000 * min(timeit.repeat("sum(i * i for i in range(100_000))", number=1, repeat=7))


def machine() -> str:
    """The machine in one line, as far as it bears on the figures."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    system = platform.uname()
    return (
        f"{models[0] if models else system.machine}, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"{system.system} {system.release.partition('-')[0]}, Python {platform.python_version()}"
    )
