"""Calls and trunks as tables for a terminal.

What strangers wrote is escaped: rich would take it for markup, a terminal for commands.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from bridge.visible import visible

__all__ = ["of_calls", "of_records", "of_trunks"]

NAME_WIDTH = 14
"""Characters of a call's id."""


def of_calls(calls: Iterable[Mapping[str, Any]]) -> Table:
    """Calls that are alive, as `GET /v1/calls` gives them."""
    table = _table("id", "state", "direction", "trunk", "caller", "callee", "agent", "age s")
    for each in calls:
        table.add_row(
            each["id"],
            each["state"],
            each["direction"],
            each["trunk"],
            _cell(each["caller"]),
            _cell(each["callee"]),
            each["agent"],
            f"{each['age_s']:.0f}",
        )
    return table


def of_records(records: Iterable[Mapping[str, Any]]) -> Table:
    """Past calls, as the journal keeps them."""
    names = ("started UTC", "trunk", "caller", "callee", "agent", "s", "result", "cause")
    table = _table("id", *names)
    for record in records:
        outcome = record["outcome"] or {"result": "", "cause": "alive"}
        lasted = record.get("timings", {}).get("ended")
        table.add_row(
            record["id"],
            record["started"][5:19].replace("T", " "),
            *(_cell(str(record[name])) for name in ("trunk", "caller", "callee", "agent")),
            "" if lasted is None else f"{lasted:.0f}",
            outcome["result"],
            outcome["cause"],
        )
    return table


def of_trunks(trunks: Iterable[Mapping[str, Any]]) -> Table:
    """Trunks and their registrations, as `GET /v1/trunks` gives them."""
    table = _table("trunk", "state", "code", "reason", "expires s")
    for each in trunks:
        expires = "" if each["expires_s"] is None else f"{each['expires_s']:.0f}"
        code = str(each["code"] or "")
        state = "by address" if each["state"] == "none" else each["state"]
        table.add_row(each["trunk"], state, code, _cell(each["reason"]), expires)
    return table


def _cell(text: str) -> str:
    return escape(visible(text))


def _table(name: str, *headings: str) -> Table:
    """A table whose first column is never cut, because other commands take what stands there."""
    rest = (Column(heading, overflow="fold") for heading in headings)
    columns = (Column(name, no_wrap=True, min_width=NAME_WIDTH), *rest)
    return Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
