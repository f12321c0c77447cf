"""Tools as users write them, for the benchmark: one waits a little, one computes for long."""

import asyncio
import time

__all__ = ["compute", "look_up"]

WAIT_S = 0.02
"""What a database takes."""
COMPUTE_S = 0.4
"""Of plain Python, which gives nothing up by itself."""


async def look_up(number: int) -> str:
    """Look something up."""
    await asyncio.sleep(WAIT_S)
    return f"found {number}"


def compute(number: int) -> str:
    """Compute something."""
    until, total = time.thread_time() + COMPUTE_S, 0
    while time.thread_time() < until:
        total += sum(range(1000))
    return f"{number}: {total}"
