"""What hands out memory to the bridge: cost of its calls, and what stays resident after many."""

import functools
import os
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench import procfs
from tests.bench.choices.table import Choice, Figures
from tests.bench.lab import Cores, Lab

CALLS, SETTLE_S, WINDOW_S = 100, 3.0, 6.0
TURNS, RATE = 200, 20
"""Calls of a second that come and go after those, and how many a second."""
FRAMES_A_SECOND = 50
LIBRARIES = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu"
MALLOC = {"PYTHONMALLOC": "malloc"}
HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def measured(environment: Mapping[str, str]) -> Figures:
    """The whole bridge, with that in its environment."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with Lab(Cores(), tls=True, phones=CALLS, environment=environment) as lab:
        lab.raise_calls_to(CALLS, rate=RATE)
        time.sleep(SETTLE_S)
        before, since = procfs.process(lab.bridge_pid), time.monotonic()
        time.sleep(WINDOW_S)
        used, passed = procfs.process(lab.bridge_pid), time.monotonic() - since
        lab.end_calls()
        lab.turn_over(TURNS, rate=RATE, talk_s=1.0)
        after = procfs.process(lab.bridge_pid)
    cost = (used.cpu_s - before.cpu_s) / passed / CALLS / FRAMES_A_SECOND
    return {
        "us of CPU for 20 ms both ways": 1e6 * cost,
        "MB with 100 calls": used.resident_mb,
        "MB after 200 more": after.resident_mb,
    }


def _cases() -> dict[str, Mapping[str, str]]:
    """The environments, by name; libraries that are not installed are left out."""
    cases: dict[str, Mapping[str, str]] = {
        "Python's own on glibc (the default)": {},
        "glibc, one arena": {"MALLOC_ARENA_MAX": "1"},
        "glibc, nothing mapped by itself, nothing given back": {
            "MALLOC_MMAP_THRESHOLD_": "33554432",
            "MALLOC_TRIM_THRESHOLD_": "1073741824",
        },
        "glibc alone": MALLOC,
        "glibc alone, huge pages": MALLOC | HUGE,
        "glibc alone, huge pages, one arena": MALLOC | HUGE | {"MALLOC_ARENA_MAX": "1"},
    }
    for name, library in (("jemalloc", "libjemalloc.so.2"), ("mimalloc", "libmimalloc.so.2")):
        if (LIBRARIES / library).exists():
            cases[f"{name} alone"] = MALLOC | {"LD_PRELOAD": str(LIBRARIES / library)}
    return cases


CHOICE = Choice(
    title="Allocation",
    text="""\
The bridge itself with 100 calls over TLS, then 200 calls of a second each. Python's own allocator
takes pages of 1 MiB; glibc, with PYTHONMALLOC=malloc, asks the kernel for huge pages where
glibc.malloc.hugetlb=1 says so. The others are Debian's, preloaded.""",
    cases={name: functools.partial(measured, each) for name, each in _cases().items()},
    rounds=2,
    timeout_s=180.0,
)

if __name__ == "__main__":
    CHOICE.main()
