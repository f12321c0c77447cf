import os
import time

from tests.bench import procfs
from tests.bench.awake import awake


def test_a_core_that_is_kept_awake_idles_no_more() -> None:
    core = min(os.sched_getaffinity(0))
    with awake(core):
        before = procfs.core_times(core).idle_s
        time.sleep(0.5)
        idle_s = procfs.core_times(core).idle_s - before
    assert idle_s < 0.2
