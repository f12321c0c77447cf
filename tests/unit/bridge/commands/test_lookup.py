"""`uvbridge calls` with something to look for, where no service runs."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge import cli
from bridge.archive import Archive
from tests.unit.bridge.archive.records import began, ended

CONFIG = """
agents: {a: {join_url: 'wss://example.org/x'}}
trunks: {pbx: {hosts: [192.0.2.1]}}
control: {listen: '127.0.0.1:1', token: t}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "bridge.yaml"
    file.write_text(CONFIG + "journal: {database: calls.db}\n")
    archive, now = Archive(tmp_path / "calls.db", keep_days=0, keep_mb=0), time.time()
    archive.open()
    for number in range(3):
        archive.write(ended(number, at=now - 60 * number, timings={"ended": 12.3}))
    archive.write(ended(3, at=now - 7200, result="client_error", cause="busy", caller="[/b]x"))
    archive.write(began(4, at=now))
    archive.close()
    return str(file)


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.app, ("calls", *words))
    return done.exit_code, done.stdout, done.stderr


def test_calls_come_straight_from_the_database_the_newest_first(config: str) -> None:
    status, out, err = run("--since=1h", "--json", "-c", config)
    assert (status, err) == (0, "")
    found = [json.loads(line) for line in out.splitlines()]
    assert [each["id"] for each in found] == ["c-4", "c-0", "c-1", "c-2"]


def test_the_table_shows_how_each_ended(config: str) -> None:
    status, out, err = run("--limit=10", "-c", config)
    assert (status, err) == (0, "")
    rows = out.splitlines()
    assert len([row for row in rows if "c-" in row]) == 5
    assert any("[/b]x" in row and "busy" in row for row in rows)
    assert any("c-4" in row and "alive" in row for row in rows)
    assert any("c-0" in row and " 12 " in row and "caller-hung-up" in row for row in rows)


def test_a_limit_beyond_a_page_takes_several(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.commands.lookup.PAGE", 2)
    for limit, count in ((1, 1), (2, 2), (3, 3), (50, 5)):
        assert len(run(f"--limit={limit}", "--json", "-c", config)[1].splitlines()) == count


def test_more_than_is_shown_unasked_is_told(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.commands.lookup.DEFAULT_LIMIT", 2)
    status, out, err = run("--since=1d", "--json", "-c", config)
    assert (status, len(out.splitlines())) == (0, 2)
    assert err == "these are the newest 2; --limit shows more\n"


@pytest.mark.parametrize(
    ("word", "says"),
    [("--cause=bussy", "did you mean busy?"), ("--since=noon", "2h"), ("--agent=", "is empty")],
)
def test_what_makes_no_sense_exits_2_and_says_so_in_one_line(
    config: str, word: str, says: str
) -> None:
    status, out, err = run(word, "-c", config)
    assert (status, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("journal", "says"),
    [("{}", "journal.database is not set"), ("{database: none.db}", "there is no ")],
)
def test_without_a_database_it_says_where_it_looked(
    tmp_path: Path, journal: str, says: str
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"{CONFIG}journal: {journal}\n")
    status, out, err = run("--since=1h", "-c", str(file))
    assert (status, out) == (1, "")
    assert err.startswith("no service answers at http://127.0.0.1:1, and ")
    assert says in err
    assert len(err.splitlines()) == 1
