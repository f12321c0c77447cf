"""The journal: one JSON line for each call that ended, and a row of SQLite for each that began.

All of it is written on a thread of its own, because a disk may stall and audio may not. When the
disk cannot keep up or is full, calls go on and what is lost is counted.
"""

import asyncio
import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from bridge.archive import Archive, ArchiveError, Inquiry, Page, Reader
from bridge.scribe import Scribe
from bridge.sections import JournalConfig

__all__ = ["Journal", "NoDatabase"]

log = logging.getLogger("bridge.journal")

T = TypeVar("T")

PENDING_WRITES = 1000
"""Records that may wait for a stalled disk before further ones are dropped."""
PENDING_QUESTIONS = 20
"""Questions about past calls that may wait at once."""
CLOSE_S = 5.0
"""How long the exit waits for a slow disk."""
TRIM_INTERVAL_S = 60.0
"""How often it is seen whether calls are too old or too many."""
TRIM_PAUSE_S = 0.05
"""Between one batch of deletions and the next: others write meanwhile."""


class NoDatabase(Exception):
    """journal.database is not set: calls are forgotten soon after their end."""


class Journal:
    """Keeps call records as the configuration says; an async context manager."""

    def __init__(self, config: JournalConfig, *, wall: Callable[[], float] = time.time) -> None:
        self.path = config.path
        self.written = 0
        self.lost = 0
        self.crashed: list[dict[str, Any]] = []
        """Records of the calls that a former process was killed in, found at the start."""
        self._wall = wall
        self._failing = False
        self._archive: Archive | None = None
        self._reader: Reader | None = None
        if config.database is not None:
            self._archive = Archive(
                config.database, keep_days=config.keep_days, keep_mb=config.keep_mb
            )
            self._reader = Reader(config.database)
        self._writer = Scribe("journal", capacity=PENDING_WRITES)
        self._looker = Scribe("journal reader", capacity=PENDING_QUESTIONS)
        self._trimming: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Journal":
        """Open file and database.

        Raises OSError, naming the file, where one of them cannot be written.
        """
        self._writer.start()
        self._looker.start()
        try:
            await self._writing(self._open)
        except BaseException:
            await self._close()
            raise
        for record in self.crashed:
            log.warning("= call %s was alive when the bridge was stopped", record["id"])
            self._write(record, line=True)
        if self._archive is not None:
            self._trimming = asyncio.create_task(self._trim(), name="journal trimming")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is pending, for as long as that may take, then close."""
        if self._trimming is not None:
            self._trimming.cancel()
        await self._close()

    @property
    def pending(self) -> int:
        """Records that are not written yet."""
        return self._writer.pending

    def begin(self, record: Mapping[str, Any]) -> None:
        """Queue what is known of a call that begins; never blocks and never fails the call."""
        if self._archive is not None:
            self._write(record, line=False)

    def add(self, record: Mapping[str, Any]) -> None:
        """Queue the record of a call that is over; never blocks and never fails the call."""
        self._write(record, line=True)

    async def page(self, inquiry: Inquiry) -> Page:
        """Past calls, and those alive, as asked for. Raises NoDatabase or ArchiveError."""
        reader = self._existing_reader()
        return await self._looking(lambda: reader.page(inquiry))

    async def find(self, call_id: str) -> str | None:
        """The record of one call as JSON text. Raises NoDatabase or ArchiveError."""
        reader = self._existing_reader()
        return await self._looking(lambda: reader.find(call_id))

    def _existing_reader(self) -> Reader:
        if self._reader is None:
            raise NoDatabase("journal.database is not set: ended calls are not kept")
        return self._reader

    async def _looking(self, job: Callable[[], T]) -> T:
        found = self._looker.do(job)
        if found is None:
            raise ArchiveError("too many questions about past calls at once")
        return await found

    # On the journal's thread.

    def _open(self) -> None:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab"):
                pass
        if self._archive is not None:
            self.crashed = self._archive.open()

    def _keep(self, record: Mapping[str, Any], line: bool) -> None:
        try:
            if line and self.path is not None:
                text = json.dumps(record, default=str, ensure_ascii=False)
                _append(self.path, text.encode("utf-8", "replace") + b"\n")
        finally:
            if self._archive is not None:
                self._archive.write(record)

    # On the event loop.

    def _write(self, record: Mapping[str, Any], *, line: bool) -> None:
        if self.path is None and self._archive is None:
            return
        written = self._writer.do(lambda: self._keep(record, line))
        if written is None:
            self._lose("the disk cannot keep up")
        else:
            written.add_done_callback(self._written)

    def _written(self, write: "asyncio.Future[None]") -> None:
        if write.cancelled():
            return
        if (error := write.exception()) is not None:
            self._lose(error)
            return
        self.written += 1
        if self._failing:
            self._failing = False
            log.warning("= journal is written again; %d records were lost so far", self.lost)

    def _lose(self, reason: object) -> None:
        self.lost += 1
        if not self._failing:
            self._failing = True
            log.error("= journal cannot be written: %s", reason)

    async def _writing(self, job: Callable[[], T]) -> T | None:
        """Do something on the journal's thread; None where too much waits there already."""
        done = self._writer.do(job)
        return None if done is None else await done

    async def _trim(self) -> None:
        archive = self._archive
        assert archive is not None
        while True:
            await asyncio.sleep(TRIM_INTERVAL_S)
            more: bool | None = True
            while more:
                try:
                    more = await self._writing(lambda: archive.trim(self._wall()))
                except sqlite3.Error:  # told by the writes, which fail as well
                    break
                await asyncio.sleep(TRIM_PAUSE_S)

    async def _close(self) -> None:
        if self._archive is not None:
            self._writer.do(self._archive.close)
        if self._reader is not None:
            self._looker.do(self._reader.close)
        await self._looker.close(CLOSE_S)
        if not await self._writer.close(CLOSE_S):
            log.error("= journal cannot be written: %d records are lost", self._writer.pending)


def _append(path: Path, line: bytes) -> None:
    """Append a whole line or nothing: what a full disk took of it is taken back."""
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        try:
            if file.write(line) < len(line):
                raise OSError("no room for a whole line")
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise
