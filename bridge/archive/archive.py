"""The database of calls, as its one writer uses it."""

import contextlib
import json
import logging
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bridge.archive import outbox
from bridge.archive.lock import Lock
from bridge.archive.outbox import Letter
from bridge.archive.schema import NewerSchema, upgrade
from bridge.outcome import Cause, Result

__all__ = ["Archive", "ArchiveError"]

log = logging.getLogger("bridge.journal")

Record = Mapping[str, Any]

OPEN_S = 5.0
"""How long another process may keep the database from us at the start."""
BUSY_S = 60.0
"""The same for a write, which is lost then; others queue behind it, and no call waits for them."""
WAL_LIMIT = 16 * 1024 * 1024
"""Bytes that the write-ahead log is cut back to."""
BATCH = 200
"""Calls deleted at once: some milliseconds, between which others write."""
_MB = 1_000_000
_PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY)
"""Primary error codes of a database that is sound and may be written later."""

_UPSERT = """
INSERT INTO calls
    (id, started, direction, trunk, agent, caller, callee, result, cause, record)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    agent = excluded.agent, callee = excluded.callee, result = excluded.result,
    cause = excluded.cause, record = excluded.record
"""


class ArchiveError(OSError):
    """The database cannot be used."""


class Archive:
    """Rows of calls, begun and over. Synchronous: it lives on one thread, which may wait.

    A database that cannot be opened for the moment, for want of room, is opened by a later write.
    """

    def __init__(self, path: Path, *, keep_days: float, keep_mb: float) -> None:
        self.path = path
        self._keep_s = keep_days * 86_400
        self._keep_bytes = keep_mb * _MB
        self._lock = Lock(path.with_name(f"{path.name}.lock"))
        self.shared = False
        """Whether another process had it already when it was opened."""
        self._connection: sqlite3.Connection | None = None

    def open(
        self, letters_of: Callable[[Record], Sequence[Letter]] = lambda _: ()
    ) -> list[dict[str, Any]]:
        """Open the database, or make it, or bring it up to date.

        Returns the records of the calls that were alive when their process was killed, marked so
        from now on; `letters_of` writes the letters that tell so. Raises ArchiveError, naming the
        file, where it never can be written.
        """
        try:
            crashed = self._open(letters_of)
        except BaseException:
            self.close()
            raise
        self._lock.share()
        return crashed

    def _open(self, letters_of: Callable[[Record], Sequence[Letter]]) -> list[dict[str, Any]]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.shared = not self._lock.take()
            return [] if self.shared else self._mark_crashed(letters_of)
        except NewerSchema as error:
            raise ArchiveError(f"{self.path} {error}") from error
        except sqlite3.Error as error:
            if (error.sqlite_errorcode & 0xFF) in _PASSING:
                log.error("= %s cannot be used for now, and is tried again: %s", self.path, error)
                return []
            raise ArchiveError(f"{self.path}: {error}") from error
        except OSError as error:
            raise ArchiveError(f"{self.path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the database; its write-ahead log goes into it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._lock.release()

    def write(self, record: Record, letters: Sequence[Letter] = ()) -> None:
        """Write a call down, or more of one: begun where it has no outcome, else over.

        The `letters` that tell of it go into the outbox with it. Raises sqlite3.Error.
        """
        with self.writing() as connection:
            connection.execute(_UPSERT, _row(record))
            outbox.post(connection, letters)

    def trim(self, now: float) -> bool:
        """Delete some of the calls that are too old, or too many; whether there may be more.

        `now` is wall-clock time. Raises sqlite3.Error.
        """
        with self.writing() as connection:
            deleted = 0
            if self._keep_s:
                deleted = _delete(connection, "started < ?", now - self._keep_s)
            if not deleted and self._keep_bytes and self._too_big(connection):
                # Whenever they began: a clock that was set back leaves calls of the future.
                deleted = _delete(connection, "started < ?", math.inf)
        if deleted:
            # As a script: `execute` takes one step, which gives back a single page.
            connection.executescript("PRAGMA incremental_vacuum")
        return deleted > 0

    def _too_big(self, connection: sqlite3.Connection) -> bool:
        """Whether calls take more room than they may; what letters take is none of their doing."""
        size = _size(connection)
        return size > self._keep_bytes and size - outbox.size(connection) > self._keep_bytes

    def _mark_crashed(
        self, letters_of: Callable[[Record], Sequence[Letter]]
    ) -> list[dict[str, Any]]:
        """Nobody else writes here, so a call that is not over has died with its process."""
        crashed = []
        with self.writing() as connection:
            rows = connection.execute("SELECT record FROM calls WHERE result IS NULL").fetchall()
            for (text,) in rows:
                record = json.loads(text)
                record["outcome"] = {
                    "result": Result.INDETERMINATE.value,
                    "cause": Cause.CRASHED.value,
                    "sip_code": 0,
                    "q850": None,
                    "detail": "the bridge stopped during the call",
                }
                connection.execute(_UPSERT, _row(record))
                outbox.post(connection, letters_of(record))
                crashed.append(record)
        return crashed

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing. Raises sqlite3.Error."""
        if self._connection is None:
            self._connection = _connect(self.path)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=OPEN_S, isolation_level=None)
    try:
        # Before the first table: pages of deleted calls can be given back bit by bit.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        # Whole after a kill, and after a power cut too, but for the last few calls.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        upgrade(connection)
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _row(record: Record) -> tuple[object, ...]:
    outcome = record.get("outcome") or {}
    return (
        record["id"],
        datetime.fromisoformat(record["started"]).timestamp(),
        *(_clean(record[name]) for name in ("direction", "trunk", "agent", "caller", "callee")),
        outcome.get("result"),
        outcome.get("cause"),
        _clean(json.dumps(record, default=str, ensure_ascii=False)),
    )


def _clean(text: str) -> str:
    """Text that UTF-8 can hold: what came from the wire may not be text at all."""
    return text.encode("utf-8", "replace").decode()


def _delete(connection: sqlite3.Connection, condition: str, value: float) -> int:
    """Delete a batch of the oldest calls that are over and meet the condition."""
    return connection.execute(
        "DELETE FROM calls WHERE number IN (SELECT number FROM calls"  # noqa: S608 - ours
        f" WHERE {condition} AND result IS NOT NULL ORDER BY started LIMIT {BATCH})",
        (value,),
    ).rowcount


def _size(connection: sqlite3.Connection) -> int:
    """Bytes of pages in use."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
