"""Idempotency keys of orders, and the calls that they led to: a restart does not forget them."""

import sqlite3
from dataclasses import dataclass

from bridge.facts import CallId

__all__ = ["Placed", "find", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What one order with a key led to."""

    fingerprint: bytes
    """Of the order's body."""
    call_id: CallId


def find(connection: sqlite3.Connection, key: str, now: float) -> Placed | None:
    """What the key has led to, unless that was too long ago; `now` is wall-clock time."""
    row = connection.execute(
        "SELECT fingerprint, call FROM orders WHERE key = ? AND expires > ?", (key, now)
    ).fetchone()
    return None if row is None else Placed(fingerprint=row[0], call_id=row[1])


def keep(
    connection: sqlite3.Connection, key: str, placed: Placed, *, now: float, lifetime_s: float
) -> None:
    """Remember what the key has led to for so long, and forget what is older."""
    connection.execute("DELETE FROM orders WHERE expires <= ?", (now,))
    connection.execute(
        "INSERT OR REPLACE INTO orders (key, fingerprint, call, expires) VALUES (?, ?, ?, ?)",
        (key, placed.fingerprint, placed.call_id, now + lifetime_s),
    )
