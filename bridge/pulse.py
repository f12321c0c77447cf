"""How the process fares: how late its loop and its calls' beats are, how busy its thread is."""

import asyncio
import time
from collections.abc import Callable, Collection
from types import TracebackType

from bridge.admission import FEW, Reading
from bridge.call import Call

__all__ = ["Pulse"]

READING_S = 0.5
"""From one reading to the next."""
BEAT_S = 0.05
"""How often the loop's lateness is taken; with few calls once in a reading, for waking costs."""


class Pulse:
    """Takes readings twice a second while it is open: an async context manager."""

    def __init__(
        self, calls: Callable[[], Collection[Call]], *, take: Callable[[Reading], None]
    ) -> None:
        """`calls` are those alive; `take` gets each reading."""
        self._calls = calls
        self._take = take
        self._lag_s = 0.0
        self._beats = 0
        self._ticks: dict[str, tuple[int, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "Pulse":
        self._loop = asyncio.get_running_loop()
        self._since, self._used = time.monotonic(), time.thread_time()
        self._wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        # The loop's own clock stands still while it works: it would take no lateness for any.
        pause_s = BEAT_S if len(self._calls()) >= FEW else READING_S
        self._due = time.monotonic() + pause_s
        self._timer = self._loop.call_later(pause_s, self._beat)

    def _beat(self) -> None:
        self._lag_s += max(0.0, time.monotonic() - self._due)
        self._beats += 1
        if time.monotonic() - self._since >= READING_S - BEAT_S / 2:
            self._read()
        self._wait()

    def _read(self) -> None:
        now, used = time.monotonic(), time.thread_time()
        calls = self._calls()
        lag_s, self._lag_s, self._beats = self._lag_s / self._beats, 0.0, 0
        busy = (used - self._used) / (now - self._since)
        self._since, self._used = now, used
        late_s = max(lag_s, self._tick_lateness(calls))
        self._take(Reading(late_s=late_s, busy=busy, calls=len(calls)))

    def _tick_lateness(self, calls: Collection[Call]) -> float:
        """Seconds by which the calls' beats were late since the last reading, on average."""
        before, self._ticks = self._ticks, {}
        ticks, late_s = 0, 0.0
        for call in calls:
            stats = call.first.stream.stats
            found = self._ticks[call.id] = (stats.ticks, stats.tick_late_sum)
            known = before.get(call.id, (0, 0.0))
            ticks += found[0] - known[0]
            late_s += found[1] - known[1]
        return late_s / ticks if ticks else 0.0
