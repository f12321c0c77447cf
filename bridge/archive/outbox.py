"""Letters to webhooks, kept in the database from before the first try until they are settled.

Of each call only the oldest letter to an endpoint is due at any time; the next one becomes due when
that has been delivered or given up. So the letters of a call arrive in order, and finding what is
due costs the same however many wait.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Letter", "count", "due", "post", "postpone", "settle", "shed", "size"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one endpoint is to be told of one event."""

    id: str
    """The delivery's own: the same with each try, another for each endpoint."""
    endpoint: str
    """The webhook's URL."""
    call: str
    event: str
    written: float
    """Seconds since the epoch, by the clock that letters wait by."""
    body: str
    """JSON."""
    number: int = 0
    """Its place in the outbox; 0 before it is there."""
    tries: int = 0


_OVERHEAD = 500
"""Bytes that a letter takes besides its body, at most: its other fields, two indexes."""
_POST = """
INSERT INTO letters (id, endpoint, call, event, written, body, due)
SELECT ?1, ?2, ?3, ?4, ?5, ?6,
    CASE WHEN EXISTS (SELECT 1 FROM letters WHERE endpoint = ?2 AND call = ?3) THEN NULL ELSE ?5 END
"""
_DUE = """
SELECT id, endpoint, call, event, written, body, number, tries FROM letters
WHERE endpoint = ? AND due <= ? ORDER BY due, number LIMIT ?
"""
_NEXT = """
UPDATE letters SET due = ? WHERE number =
    (SELECT number FROM letters WHERE endpoint = ? AND call = ? ORDER BY number LIMIT 1)
"""


def post(connection: sqlite3.Connection, letters: Sequence[Letter]) -> None:
    """Put letters into the outbox."""
    for letter in letters:
        values = (letter.id, letter.endpoint, letter.call, letter.event, letter.written)
        connection.execute(_POST, (*values, letter.body))


def due(
    connection: sqlite3.Connection, endpoint: str, now: float, limit: int
) -> tuple[list[Letter], float | None]:
    """Letters to be tried now, and when the next one is due; None where there is none."""
    letters = [
        Letter(
            id=row[0],
            endpoint=row[1],
            call=row[2],
            event=row[3],
            written=row[4],
            body=row[5],
            number=row[6],
            tries=row[7],
        )
        for row in connection.execute(_DUE, (endpoint, now, limit))
    ]
    (later,) = connection.execute(
        "SELECT min(due) FROM letters WHERE endpoint = ? AND due > ?", (endpoint, now)
    ).fetchone()
    return letters, later


def settle(connection: sqlite3.Connection, letter: Letter, now: float) -> None:
    """Take a letter out, delivered or given up: the call's next one is due."""
    connection.execute("DELETE FROM letters WHERE number = ?", (letter.number,))
    connection.execute(_NEXT, (now, letter.endpoint, letter.call))


def postpone(connection: sqlite3.Connection, letter: Letter, when: float) -> None:
    """Count a try that failed; the next one is due at `when`."""
    connection.execute(
        "UPDATE letters SET tries = tries + 1, due = ? WHERE number = ?", (when, letter.number)
    )


def shed(
    connection: sqlite3.Connection, endpoint: str, *, most_bytes: int, now: float, batch: int = 500
) -> list[Letter]:
    """Take the oldest letters to an endpoint out, some at a time, while all are more than that.

    Returns those that are gone.
    """
    (size,) = connection.execute(
        "SELECT total(length(body)) FROM letters WHERE endpoint = ?", (endpoint,)
    ).fetchone()
    gone: list[Letter] = []
    oldest = connection.execute(
        "SELECT number, id, call, event, written, body FROM letters WHERE endpoint = ?"
        " ORDER BY number LIMIT ?",
        (endpoint, batch),
    ).fetchall()
    for number, name, call, event, written, body in oldest:
        if size <= most_bytes:
            break
        size -= len(body)
        letter = Letter(
            id=name,
            endpoint=endpoint,
            call=call,
            event=event,
            written=written,
            body=body,
            number=number,
        )
        settle(connection, letter, now)
        gone.append(letter)
    return gone


def count(connection: sqlite3.Connection, endpoint: str) -> int:
    """How many letters wait for an endpoint."""
    (waiting,) = connection.execute(
        "SELECT count(*) FROM letters WHERE endpoint = ?", (endpoint,)
    ).fetchone()
    return int(waiting)


def size(connection: sqlite3.Connection) -> int:
    """Bytes that all letters take up in the database, about."""
    (taken,) = connection.execute(
        "SELECT total(length(body) + ?) FROM letters", (_OVERHEAD,)
    ).fetchone()
    return int(taken)
