import io

from rich.console import Console
from rich.table import Table

from bridge.commands import tables

STRANGE = "[/b]ann"


def shown(table: Table) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_callers_name_is_no_markup() -> None:
    names = ("id", "state", "direction", "trunk", "callee", "agent")
    alive = {**dict.fromkeys(names, "x"), "caller": STRANGE, "age_s": 1.0}
    assert STRANGE in shown(tables.of_calls([alive]))


def test_a_past_callers_name_is_no_markup() -> None:
    names = ("id", "started", "trunk", "callee", "agent")
    record = {**dict.fromkeys(names, "x"), "caller": STRANGE, "outcome": None}
    assert STRANGE in shown(tables.of_records([record]))


def test_a_registrars_reason_is_no_markup() -> None:
    trunk = {"trunk": "pbx", "state": "rejected", "code": 403, "reason": STRANGE}
    assert STRANGE in shown(tables.of_trunks([{**trunk, "expires_s": None}]))


HOSTILE = "\x1b]0;mine\x07\x9b2J\nann"
"""A name that would give the window a title, clear it, and begin a row of its own."""
SEEN = r"\x1b]0;mine\x07\x9b2J\x0aann"


def test_no_name_and_no_reason_steers_the_terminal() -> None:
    names = ("id", "state", "direction", "trunk", "agent", "started")
    call = dict.fromkeys(names, "x") | dict.fromkeys(("caller", "callee"), HOSTILE)
    trunk = {"trunk": "pbx", "state": "rejected", "code": 403, "reason": HOSTILE}
    for table, count in (
        (tables.of_calls([{**call, "age_s": 1.0}]), 2),
        (tables.of_records([{**call, "outcome": None}]), 2),
        (tables.of_trunks([{**trunk, "expires_s": None}]), 1),
    ):
        assert shown(table).count(SEEN) == count
        assert "\x1b" not in shown(table)
