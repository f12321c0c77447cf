"""What hands out memory to the bridge: cost of its calls, and what stays resident after many."""

import ctypes
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.bench import procfs
from tests.bench.choices.table import Choice, Figures
from tests.bench.lab import Cores, Lab

CALLS, SETTLE_S, WINDOW_S = 100, 3.0, 6.0
TURNS, RATE = 200, 40
"""Calls of a second that come and go after those, and how many a second."""
FRAMES_A_SECOND = 50
LIBRARIES = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu"
MALLOC = {"PYTHONMALLOC": "malloc"}
HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
PR_SET_THP_DISABLE = 41  # of linux/prctl.h


def small_pages(environment: Mapping[str, str]) -> Figures:
    """The same where the kernel gives no huge pages to this process and those it starts."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "huge pages cannot be switched off")
    return measured(environment)


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


def _cases() -> dict[str, Callable[[], Figures]]:
    """By name; libraries that are not installed are left out."""
    one_arena = {"MALLOC_ARENA_MAX": "1"}
    kept = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "1073741824"}
    cases: dict[str, Callable[[], Figures]] = {
        "Python's arenas, small pages": partial(small_pages, {}),
        "Python's arenas on huge pages": partial(measured, {}),
        "the same, glibc with one arena": partial(measured, one_arena),
        "the same, glibc maps and returns nothing": partial(measured, kept),
        "glibc alone, small pages": partial(small_pages, MALLOC),
        "glibc alone, huge pages": partial(measured, MALLOC | HUGE),
    }
    for name, library in (("jemalloc", "libjemalloc.so.2"), ("mimalloc", "libmimalloc.so.2")):
        if (LIBRARIES / library).exists():
            preload = {"LD_PRELOAD": str(LIBRARIES / library)}
            cases[f"{name} alone"] = partial(measured, MALLOC | preload)
    return cases


CHOICE = Choice(
    title="Allocation",
    text="""\
The bridge itself with 100 calls over TLS, then 200 calls of a second each. Python takes memory for
small objects in arenas of 1 MiB, which the bridge puts on huge pages (`bridge/_arenas.c`) where the
kernel has any; glibc has all else. "Alone" is PYTHONMALLOC=malloc: small objects too are glibc's,
which asks for huge pages by glibc.malloc.hugetlb=1, or those of Debian's libraries, preloaded.""",
    cases=_cases(),
    rounds=2,
    timeout_s=180.0,
)

if __name__ == "__main__":
    CHOICE.main()
