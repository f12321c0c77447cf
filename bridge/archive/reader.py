"""The database of calls, as those read it who look for calls."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.archive.archive import ArchiveError
from bridge.archive.inquiry import Inquiry

__all__ = ["Page", "Reader"]

LONGEST_S = 5.0
"""How long one question may be looked into."""
_STEPS_BETWEEN_LOOKS = 10_000
"""Of SQLite's machine, between looks at the clock."""

# A list is for looking over: what was said is shown with the one call.
_PAGE = """
SELECT json_remove(record, '$.transcript'), started, number FROM calls WHERE {}
ORDER BY started DESC, number DESC LIMIT ?
"""
_ONE = "SELECT record FROM calls WHERE id = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some calls, the newest first, each as the JSON text of its record."""

    records: tuple[str, ...]
    next: str | None
    """The cursor of the page after this; None where there is none."""


class Reader:
    """Finds calls in the database. Synchronous, for one thread; sees what is committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._until = 0.0

    def page(self, inquiry: Inquiry) -> Page:
        """The calls asked for. Raises ArchiveError."""
        where, values = inquiry.where()
        rows = self._select(_PAGE.format(where), (*values, inquiry.limit + 1))
        more = len(rows) > inquiry.limit
        rows = rows[: inquiry.limit]
        last = f"{rows[-1][1]:.9f}~{rows[-1][2]}" if more else None
        return Page(records=tuple(row[0] for row in rows), next=last)

    def find(self, call_id: str) -> str | None:
        """The record of one call as JSON text; None where there is none. Raises ArchiveError."""
        rows = self._select(_ONE, (call_id,))
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _select(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._until = time.monotonic() + LONGEST_S
            return self._connection.execute(statement, values).fetchall()
        except UnicodeEncodeError:
            return []  # no call has a name that is no text
        except sqlite3.Error as error:
            self.close()
            raise ArchiveError(f"{self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        connection.set_progress_handler(self._too_long, _STEPS_BETWEEN_LOOKS)
        return connection

    def _too_long(self) -> bool:
        return time.monotonic() > self._until
