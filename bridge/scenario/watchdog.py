"""Tells whose code blocks the loop, while it does: all calls stand still meanwhile."""

import asyncio
import logging
import sys
import threading
import time
import traceback
from types import TracebackType

from bridge.scenario.blame import place_of

__all__ = ["Watchdog"]

log = logging.getLogger("bridge.scenario")

BEAT_S = 0.1
"""How often the loop has to say that it lives."""
PATIENCE_S = 0.3
"""How late that may be. The caller hears a hole of a tenth of it."""


class Watchdog:
    """An async context manager: a thread that looks at the loop, as long as it is open."""

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._beaten = time.monotonic()
        self._over = threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "Watchdog":
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._beat()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._thread.join)

    def _beat(self) -> None:
        self._beaten = time.monotonic()
        self._timer = self._loop.call_later(BEAT_S, self._beat)

    def _watch(self) -> None:
        told = 0.0
        while not self._over.wait(BEAT_S):
            beaten = self._beaten
            late_s = time.monotonic() - beaten - BEAT_S
            if late_s > self._patience_s and told != beaten:
                told = beaten
                self._tell(late_s)

    def _tell(self, late_s: float) -> None:
        frame = sys._current_frames().get(self._watched)
        where = place_of(traceback.extract_stack(frame)) if frame is not None else None
        if where is None:
            log.debug("= the loop is %.1f s late", late_s)
            return
        log.warning(
            "= a scenario blocks the loop at %s, for %.1f s so far: every call is silent meanwhile;"
            " use asyncio.to_thread",
            where,
            late_s,
        )
