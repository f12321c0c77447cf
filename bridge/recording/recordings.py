"""All recordings of the service: their thread, their folder, what is counted and thrown away."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TypeVar

from bridge.configuration.recordings import RecordingsConfig
from bridge.recording import retention
from bridge.recording.recording import Kept, Result

__all__ = ["Recordings"]

log = logging.getLogger("bridge.recording")

T = TypeVar("T")

TIDY_EVERY_S = 600.0
"""How often what is too old or too much is looked for."""


class Recordings:
    """Where recordings are written; an async context manager.

    The disk has a thread of its own, one for all calls: it may stall, audio may not.
    """

    def __init__(self, config: RecordingsConfig) -> None:
        self.config = config
        self.results: Counter[Result] = Counter()
        """Recordings that are over, by how they came out."""
        self.alive = 0
        """Recordings going on."""
        self._troubled = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._tidying: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Recordings":
        """Open the folder. Raises OSError where it cannot be made."""
        folder = self.config.folder
        if folder is not None:
            await asyncio.to_thread(partial(folder.mkdir, parents=True, exist_ok=True))
            if self.config.keep_days or self.config.keep_mb:
                self._tidying = asyncio.create_task(self._tidy(), name="recordings retention")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is pending, then close."""
        if self._tidying is not None:
            self._tidying.cancel()
        await asyncio.to_thread(self._thread.shutdown)

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Have `work` done on the recorder's thread, after all that was asked for before."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def ended(self, kept: Kept) -> None:
        """Count a recording that is over."""
        self.results[kept.result] += 1
        if kept.result is Result.WHOLE:
            self._troubled = False

    def complain(self, why: object) -> None:
        """Log that recordings fail: once, until one succeeds again."""
        if not self._troubled:
            self._troubled = True
            log.error("= recording stopped, calls go on: %s", why)

    async def _tidy(self) -> None:
        assert self.config.folder is not None
        while True:
            tidy = partial(
                retention.tidy,
                self.config.folder,
                now=time.time(),
                keep_days=self.config.keep_days,
                keep_mb=self.config.keep_mb,
            )
            try:
                gone = await self.run(tidy)
            except OSError as error:
                log.warning("= old recordings cannot be removed: %s", error)
            else:
                if gone:
                    log.info("= %d recordings removed: too old or too many", gone)
            await asyncio.sleep(TIDY_EVERY_S)
