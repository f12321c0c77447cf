"""The journal: one JSON line for each call that ended.

Lines are written on a thread of their own, because a disk may stall and audio may not. When the
disk cannot keep up or is full, calls go on and the lost lines are counted.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

__all__ = ["Journal"]

log = logging.getLogger("bridge.journal")

PENDING_LINES = 1000
"""Lines that may wait for a stalled disk before further ones are dropped."""


class Journal:
    """Appends call records to a file; an async context manager. Without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.written = 0
        self.lost = 0
        self._pending = 0
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def __aenter__(self) -> "Journal":
        """Open the journal.

        Raises OSError, naming the file, where it cannot be written.
        """
        if self.path is not None:
            await asyncio.to_thread(_touch, self.path)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is pending, then close."""
        await asyncio.to_thread(self._writer.shutdown)

    def add(self, record: Mapping[str, object]) -> None:
        """Queue one call record; never blocks and never fails the call."""
        if self.path is None:
            return
        if self._pending >= PENDING_LINES:
            self.lost += 1
            return
        self._pending += 1
        line = json.dumps(record, default=str, ensure_ascii=False) + "\n"
        written = asyncio.get_running_loop().run_in_executor(self._writer, self._append, line)
        written.add_done_callback(self._done)

    def _append(self, line: str) -> None:
        assert self.path is not None
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def _done(self, written: "asyncio.Future[None]") -> None:
        self._pending -= 1
        if (error := written.exception()) is None:
            self.written += 1
            return
        if self.lost == 0:
            log.error("= journal %s cannot be written: %s", self.path, error)
        self.lost += 1


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8"):
        pass
