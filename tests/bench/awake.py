"""A core that never idles: a program counts there in the time that nobody else wants.

A process that rests a thousand times a second finds the core asleep, and caches and tables cold,
each time it goes on; on virtual machines the host is entered and left besides. What it costs where
the core stays awake is the code's part, the rest is the machine's.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.worker import pinned

__all__ = ["awake"]

_PROGRAM = """\
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print("awake", flush=True)
while True:
    pass
"""


@contextmanager
def awake(core: int) -> Iterator[None]:
    """Keep `core` busy meanwhile, at the lowest of all priorities (SCHED_IDLE, sched(7))."""
    with pinned([sys.executable, "-c", _PROGRAM], {core}, stdout=subprocess.PIPE) as counting:
        try:
            assert counting.stdout is not None
            counting.stdout.readline()
            yield
        finally:
            counting.kill()
