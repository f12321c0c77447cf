"""The tables of the database, and how an older database becomes one of today.

`PRAGMA user_version` says how many of the steps a file has gone through. A step is never changed
once it was in a release: what is to be different comes as another step.
"""

import sqlite3

__all__ = ["STEPS", "NewerSchema", "upgrade"]

CALLS = """
CREATE TABLE calls (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    started REAL NOT NULL,      -- seconds since the epoch
    direction TEXT NOT NULL,
    trunk TEXT NOT NULL,
    agent TEXT NOT NULL,
    caller TEXT NOT NULL,
    callee TEXT NOT NULL,
    result TEXT,                -- this and cause are NULL until the call is over
    cause TEXT,
    record TEXT NOT NULL        -- all of it, as JSON
);
CREATE INDEX calls_started ON calls (started);
CREATE INDEX calls_agent ON calls (agent, started);
CREATE INDEX calls_trunk ON calls (trunk, started);
CREATE INDEX calls_caller ON calls (caller, started);
CREATE INDEX calls_callee ON calls (callee, started);
CREATE INDEX calls_result ON calls (result, started);
CREATE INDEX calls_cause ON calls (cause, started);
"""

OUTBOX = """
CREATE TABLE letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    endpoint TEXT NOT NULL,     -- URL of the webhook
    call TEXT NOT NULL,
    event TEXT NOT NULL,
    written REAL NOT NULL,      -- seconds since the epoch, as is due
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due REAL                    -- NULL while an older letter of the call waits
);
CREATE INDEX letters_call ON letters (endpoint, call, number);
CREATE INDEX letters_due ON letters (endpoint, due);
"""

ORDERS = """
CREATE TABLE orders (
    key TEXT PRIMARY KEY,       -- Idempotency-Key
    fingerprint BLOB NOT NULL,  -- of the order's body
    call TEXT NOT NULL,
    expires REAL NOT NULL       -- seconds since the epoch
);
CREATE INDEX orders_expires ON orders (expires);
"""

STEPS = (CALLS, OUTBOX, ORDERS)


class NewerSchema(Exception):
    """The database was written by a later version of the bridge."""


def upgrade(connection: sqlite3.Connection, steps: tuple[str, ...] = STEPS) -> None:
    """Take the database through the steps it has not been through, all or none.

    Raises NewerSchema where it has been through more than there are, and sqlite3.Error.
    """
    version = _version(connection)
    if version == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been first
        if version > len(steps):
            raise NewerSchema(f"has schema {version}, and this version knows {len(steps)}")
        for step in steps[version:]:
            for statement in step.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
