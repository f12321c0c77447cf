"""When the garbage collector looks at everything that lives: while nobody hears it.

A full collection takes about a microsecond for each object, some 400 of them a call, and all else
stands still meanwhile: 63 ms with 200 calls up. Nor is there much to find: what a call leaves
behind goes with its last reference. Young objects are looked at as ever, fewer at a time.
"""

import asyncio
import gc
import logging
import resource
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

__all__ = ["Collector", "only_young"]

log = logging.getLogger("bridge.collector")

LOOK_S: Final = 5.0
"""How often it is looked whether the moment is good."""
_YOUNG: Final = (700, 5)
"""How many new objects are looked at once, and how many times before the survivors are again."""
_NEVER: Final = 1_000_000_000
_GROWN_MB: Final = 64.0
_CALL_MB: Final = 1.0
"""What a call may take before it is a leak's; about three times what one does."""


def resident_mb() -> float:
    """The most memory that this process has had at once, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def only_young() -> None:
    """Have the collector look at young objects alone, unless it is asked for more."""
    gc.set_threshold(*_YOUNG, _NEVER)


class Collector:
    """Has everything looked at without a call, or when memory has grown: a context manager.

    What lives when it is entered is never looked at. Left, all is again as it was.
    """

    def __init__(
        self, calls: Callable[[], int], *, resident: Callable[[], float] = resident_mb
    ) -> None:
        """`calls` says how many are alive, `resident` how many MB were needed so far."""
        self._calls = calls
        self._resident = resident
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._before = gc.get_threshold()
        gc.collect()
        gc.freeze()
        only_young()
        self._level = self._resident()
        self._loop = asyncio.get_running_loop()
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def _wait(self) -> None:
        self._timer = self._loop.call_later(LOOK_S, self._beat)

    def _beat(self) -> None:
        self.look()
        self._wait()

    def look(self) -> bool:
        """Collect if the moment is good; whether it was."""
        _, _, outlived = gc.get_count()
        if not outlived:
            return False
        calls = self._calls()
        grown = self._resident() - self._level
        if calls and grown < _GROWN_MB + _CALL_MB * calls:
            return False
        self._collect(calls)
        return True

    def _collect(self, calls: int) -> None:
        began = time.perf_counter()
        found = gc.collect()
        self._level = self._resident()
        took_ms = 1000 * (time.perf_counter() - began)
        level = logging.INFO if calls else logging.DEBUG
        log.log(level, "= collected %d objects in %.0f ms, %d calls alive", found, took_ms, calls)
