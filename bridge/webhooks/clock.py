"""Time of day that nobody sets: what waits by it waits as long as it was told to."""

import time
from typing import Final

__all__ = ["steady"]

_ORIGIN: Final = time.time() - time.monotonic()


def steady() -> float:
    """Seconds since the epoch as of the process's start, counted on from there."""
    return _ORIGIN + time.monotonic()
