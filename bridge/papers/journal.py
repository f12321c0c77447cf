"""The journal: one JSON line for each call that ended, and a row of SQLite for each that began.

All of it is written on a thread of its own, because a disk may stall and audio may not. When the
disk cannot keep up or is full, calls go on and what is lost is counted.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from bridge.archive import Archive, ArchiveError, PastCalls, jsonlines, orders, outbox
from bridge.archive.orders import Placed
from bridge.archive.outbox import Letter
from bridge.archive.scribe import Scribe
from bridge.configuration.sections import JournalConfig

__all__ = ["Journal"]

log = logging.getLogger("bridge.journal")

T = TypeVar("T")
Record = Mapping[str, Any]
Written = asyncio.Future[None] | None

PENDING_WRITES = 1000
"""Records that may wait for a stalled disk before further ones are dropped."""
CLOSE_S = 5.0
"""How long the exit waits for a slow disk."""
TRIM_INTERVAL_S = 60.0
"""How often it is seen whether calls are too old or too many."""
TRIM_PAUSE_S = 0.05
"""Between one batch of deletions and the next: others write meanwhile."""


class Journal:
    """Keeps call records as the configuration says; an async context manager."""

    def __init__(
        self,
        config: JournalConfig,
        *,
        on_crashed: Callable[[Record], Sequence[Letter]] = lambda _: (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`on_crashed` writes the letters that tell the end of a call that was killed."""
        self.path = config.path
        self.database = config.database
        self._on_crashed = on_crashed
        self.written = 0
        self.lost = 0
        self.crashed: list[dict[str, Any]] = []
        """Records of the calls that a former process was killed in, found at the start."""
        self._wall = wall
        self._failing = False
        self._archive: Archive | None = None
        self.past = PastCalls(config.database)
        if config.database is not None:
            self._archive = Archive(
                config.database, keep_days=config.keep_days, keep_mb=config.keep_mb
            )
        self._writer = Scribe("journal", capacity=PENDING_WRITES)
        self._trimming: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Journal":
        """Open file and database.

        Raises OSError, naming setting and file, where one of them cannot be written.
        """
        self._writer.start()
        self.past.start()
        try:
            await self._writing(self._open)
        except BaseException:
            await self._close()
            raise
        for record in self.crashed:
            log.warning("= call %s was alive when the bridge was stopped", record["id"])
            self._write(record, (), line=True)
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
    def shared(self) -> bool:
        """Whether another process had the database already when this one opened it."""
        return self._archive is not None and self._archive.shared

    @property
    def pending(self) -> int:
        """Records that are not written yet."""
        return self._writer.pending

    # Queued, so that nothing here blocks or fails a call. Each answers with a future of the write,
    # or with None where nothing is written.

    def begin(self, record: Record, letters: Sequence[Letter] = ()) -> Written:
        """Queue what is known of a call that begins, and the letters that tell of it."""
        return None if self._archive is None else self._write(record, letters, line=False)

    def add(self, record: Record, letters: Sequence[Letter] = ()) -> Written:
        """Queue the record of a call that is over, and the letters that tell of it."""
        return self._write(record, letters, line=True)

    def amend(self, record: Record) -> Written:
        """Queue the record of a call that is over anew, for the database."""
        return None if self._archive is None else self._write(record, (), line=False)

    def post(self, letters: Sequence[Letter]) -> Written:
        """Queue letters alone."""
        if self._archive is None or not letters:
            return None
        archive = self._archive

        def job() -> None:
            with archive.writing() as connection:
                outbox.post(connection, letters)

        return self._queue(job)

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on the database, all of it or nothing. Raises sqlite3.Error, ArchiveError."""
        archive = self._archive
        assert archive is not None

        def job() -> T:
            with archive.writing() as connection:
                return work(connection)

        done = self._writer.do(job)
        if done is None:
            raise ArchiveError("the disk cannot keep up")
        return await done

    async def placed(self, key: str) -> Placed | None:
        """What an order with that key has led to. Raises as `transact`."""
        if self._archive is None:
            return None
        now = self._wall()
        return await self.transact(lambda connection: orders.find(connection, key, now))

    async def keep_placed(self, key: str, placed: Placed, *, lifetime_s: float) -> None:
        """Remember what an order with that key has led to. Raises as `transact`."""
        if self._archive is None:
            return
        now = self._wall()

        def keep(connection: sqlite3.Connection) -> None:
            orders.keep(connection, key, placed, now=now, lifetime_s=lifetime_s)

        await self.transact(keep)

    # On the journal's thread.

    def _open(self) -> None:
        if self.path is not None:
            try:
                jsonlines.touch(self.path)
            except OSError as error:
                raise OSError(f"journal.path {self.path}: {error.strerror or error}") from error
        if self._archive is not None:
            try:
                self.crashed = self._archive.open(self._on_crashed)
            except ArchiveError as error:
                raise ArchiveError(f"journal.database {error}") from error

    def _keep(self, record: Record, letters: Sequence[Letter], line: bool) -> None:
        try:
            if line and self.path is not None:
                jsonlines.append(self.path, record)
        finally:
            if self._archive is not None:
                self._archive.write(record, letters)

    # On the event loop.

    def _write(self, record: Record, letters: Sequence[Letter], *, line: bool) -> Written:
        if self.path is None and self._archive is None:
            return None
        return self._queue(lambda: self._keep(record, letters, line))

    def _queue(self, job: Callable[[], None]) -> Written:
        written = self._writer.do(job)
        if written is None:
            self._lose("the disk cannot keep up")
        else:
            written.add_done_callback(self._written)
        return written

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
        await self.past.close(CLOSE_S)
        if not await self._writer.close(CLOSE_S):
            log.error("= journal cannot be written: %d records are lost", self._writer.pending)
