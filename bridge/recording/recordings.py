"""All recordings of the service: their thread, their folder, what is counted and thrown away."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from bridge.configuration.recordings import RecordingsConfig
from bridge.recording.recording import Kept, Recording, Result
from bridge.recording.retention import Sweep

__all__ = ["Recordings"]

log = logging.getLogger("bridge.recording")

T = TypeVar("T")

TIDY_EVERY_S = 600.0
"""How often what is too old or too much is looked for."""
BREATH_S = 0.01
"""Between two steps of that, in which audio and recordings go on."""


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
        self._growing: set[str] = set()  # paths of those going on
        self._troubled = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._tidying: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Recordings":
        """Open the folder. Raises OSError, naming the setting, where it cannot be written to."""
        folder = self.config.folder
        if folder is not None:
            await asyncio.to_thread(_prepare, folder)
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

    def make(self, recording: Recording) -> "asyncio.Future[Path]":
        """Have the file of a recording made, which then is not removed until that has `ended`.

        However long it is paused: nothing is written to it then.
        """
        made = self.run(recording.open)
        made.add_done_callback(self._made)
        return made

    def _made(self, made: "asyncio.Future[Path]") -> None:
        if made.exception() is None:
            self._growing.add(str(made.result()))

    def ended(self, kept: Kept) -> None:
        """Count a recording that is over."""
        self.results[kept.result] += 1
        self._growing.discard(str(kept.path))
        if kept.result is Result.WHOLE:
            self._troubled = False
        else:  # told already, unless it was the very end of it that the disk refused
            self.complain(f"{kept.path}: {kept.result}")

    def complain(self, why: object) -> None:
        """Log that recordings fail: once, until one succeeds again."""
        if not self._troubled:
            self._troubled = True
            log.error("= recording stopped, calls go on: %s", why)

    async def _tidy(self) -> None:
        assert self.config.folder is not None
        while True:
            await self._sweep(self.config.folder)
            await asyncio.sleep(TIDY_EVERY_S)

    async def _sweep(self, folder: Path) -> None:
        """Remove what is too old or too much, step by step."""
        sweep = Sweep(
            folder,
            now=time.time(),
            keep_days=self.config.keep_days,
            keep_mb=self.config.keep_mb,
            spared=self._growing,
        )
        more = True
        while more:
            more = await self.run(sweep.step)
            await asyncio.sleep(BREATH_S)
        if sweep.refusal is not None:
            log.warning("= not all old recordings can be removed: %s", sweep.refusal)
        if sweep.gone:
            log.info("= %d recordings removed: too old or too many", sweep.gone)


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"recordings.folder {folder}: cannot be made: {error.strerror}"
        raise OSError(told) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(f"recordings.folder {folder}: may not be written to")
