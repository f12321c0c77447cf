"""`uvbridge calls --since …`: past calls, by the running service or straight from its database."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from rich.console import Console

from bridge.archive import ArchiveError, BadInquiry, Inquiry, Reader
from bridge.commands import exit_status, tables
from bridge.commands.client import Client, NotRunning, Rejected
from bridge.commands.reach import Reach
from bridge.visible import visible_json

__all__ = ["run"]

PAGE = 1000
"""Calls asked for at once."""
DEFAULT_LIMIT = 100

Record = dict[str, Any]


def run(
    config: Reach,
    words: Mapping[str, str],
    *,
    limit: int | None,
    as_json: bool,
    console: Console,
    errors: Console,
) -> int:
    """Print the calls that `words` ask for, the newest first, and return the exit status."""
    wanted = DEFAULT_LIMIT if limit is None else limit
    try:
        records, more = _find(config, words, wanted)
    except BadInquiry as error:
        return _fail(errors, str(error), exit_status.USAGE)
    except Rejected as error:
        return _fail(errors, str(error), exit_status.USAGE if error.status == 400 else 1)
    except (NotRunning, ArchiveError) as error:
        return _fail(errors, str(error), 1)
    if as_json:
        for record in records:
            console.print(visible_json(record), markup=False)
    else:
        console.print(tables.of_records(records) if records else "no call is like that")
    if more and limit is None:
        errors.print(f"these are the newest {wanted}; --limit shows more", markup=False)
    return 0


def _find(config: Reach, words: Mapping[str, str], wanted: int) -> tuple[list[Record], bool]:
    try:
        return asyncio.run(_through_service(config, words, wanted))
    except NotRunning as error:
        if config.journal.database is None:
            raise NotRunning(f"{error}, and journal.database is not set") from None
        if not config.journal.database.exists():
            raise NotRunning(f"{error}, and there is no {config.journal.database}") from None
        reader = Reader(config.journal.database)
    try:
        return _from_database(reader, words, wanted)
    finally:
        reader.close()


async def _through_service(
    config: Reach, words: Mapping[str, str], wanted: int
) -> tuple[list[Record], bool]:
    records: list[Record] = []
    async with Client(config.control) as client:
        for asked in _pages(words, wanted):
            page = await client.get(f"/v1/calls?{urlencode(asked, errors='replace')}")
            records += page["calls"]
            if page["next"] is None:
                return records, False
            asked["cursor"] = page["next"]
    return records, True


def _from_database(
    reader: Reader, words: Mapping[str, str], wanted: int
) -> tuple[list[Record], bool]:
    records: list[Record] = []
    now = time.time()
    for asked in _pages(words, wanted):
        page = reader.page(Inquiry.parse(asked, now=now))
        records += map(json.loads, page.records)
        if page.next is None:
            return records, False
        asked["cursor"] = page.next
    return records, True


def _pages(words: Mapping[str, str], wanted: int) -> Iterator[dict[str, str]]:
    """What to ask for, page after page; whoever asks writes the cursor into it."""
    asked = dict(words)
    while wanted > 0:
        asked["limit"] = str(min(wanted, PAGE))
        yield asked
        wanted -= PAGE


def _fail(errors: Console, message: str, status: int) -> int:
    errors.print(message, markup=False)
    return status
