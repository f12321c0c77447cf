"""Virtual time: an event loop whose clock jumps to the next timer, and a bare list of events.

Sockets stay real. What is sent over loopback is there to be read at once, so a call of 30 s runs
in milliseconds and always in the same order.
"""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never sleeps: with nothing to read, time moves on to the next timer."""

    def __init__(self) -> None:
        self._virtual_now = 1000.0
        super().__init__(_Jumping(self.jump))

    def time(self) -> float:
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Let time pass; called within a callback, this is a loop that stalls."""
        self._virtual_now += seconds


class _Jumping(selectors.DefaultSelector):
    """Polls instead of waiting, and reports the time it would have waited."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("nothing left to wait for: the test would hang")
        self._jump(max(0.0, timeout))
        return []


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


class Timeline:
    """Events in order of time, for cores that take time as an argument."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], object]]] = []

    def at(self, when: float, event: Callable[[], object]) -> None:
        """Have something happen; at equal times, in the order asked for."""
        heapq.heappush(self._events, (when, next(self._order), event))

    def every(self, period: float, event: Callable[[], object], *, until: float) -> None:
        """Have something happen again and again from now on."""
        count = round((until - self.now) / period)
        for number in range(count):
            self.at(self.now + number * period, event)

    def run(self, until: float) -> None:
        """Let everything happen that is due by then."""
        while self._events and self._events[0][0] <= until:
            when, _, event = heapq.heappop(self._events)
            self.now = max(self.now, when)
            event()
        self.now = until
