import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.archive import Archive, ArchiveError, Inquiry, Reader
from bridge.archive.outbox import Letter
from bridge.archive.schema import STEPS, upgrade
from tests.unit.bridge.archive.records import NOW, began, ended

DAY = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "calls.db"


@pytest.fixture
def archive(path: Path) -> Iterator[Archive]:
    archive = Archive(path, keep_days=90, keep_mb=1)
    assert archive.open() == []
    yield archive
    archive.close()


def ids(path: Path, **asked: str) -> list[str]:
    """The calls that the database knows, the newest first."""
    reader = Reader(path)
    page = reader.page(Inquiry.parse({"limit": "1000", **asked}, now=NOW))
    reader.close()
    return [json.loads(record)["id"] for record in page.records]


def test_a_call_is_found_from_its_beginning_and_whole_after_its_end(
    archive: Archive, path: Path
) -> None:
    archive.write(began(1, caller="zoë \udcff'\""))
    reader = Reader(path)
    known = json.loads(reader.find("c-1") or "")
    assert (known["caller"], known["outcome"]) == ("zoë ?'\"", None)
    assert reader.find("\udcff") is None
    record = ended(1, transcript=[{"role": "agent", "text": "Grüezi"}])
    archive.write(record)
    assert json.loads(reader.find("c-1") or "") == record
    assert reader.find("c-2") is None
    reader.close()


def test_a_list_leaves_out_what_was_said(archive: Archive, path: Path) -> None:
    archive.write(ended(1, transcript=[{"role": "agent", "text": "Hello"}]))
    reader = Reader(path)
    (text,) = reader.page(Inquiry()).records
    reader.close()
    assert "Hello" not in text
    assert json.loads(text)["outcome"]["q850"] == 16


def test_calls_that_are_too_old_leave_in_batches(
    archive: Archive, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.archive.archive.BATCH", 20)
    for number in range(50):
        archive.write(ended(number, at=NOW - 91 * DAY + number))
    archive.write(ended(450, at=NOW - 89 * DAY))
    archive.write(began(451, at=NOW - 99 * DAY))
    rounds = 0
    while archive.trim(NOW):
        rounds += 1
    assert rounds == 3
    assert ids(path) == ["c-450", "c-451"]
    assert not archive.trim(NOW + DAY / 2)
    assert archive.trim(NOW + 2 * DAY)
    assert ids(path) == ["c-451"]


def test_a_database_that_has_grown_too_big_loses_its_oldest_calls_and_shrinks(
    archive: Archive, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.archive.archive.BATCH", 20)
    long = [{"role": "agent", "text": "x" * 10_000}]
    for number in range(250):
        archive.write(ended(number, at=NOW + number, transcript=long))
    while archive.trim(NOW + 250):
        pass
    left = ids(path)
    assert left[0] == "c-249"
    assert left == [f"c-{number}" for number in range(249, 249 - len(left), -1)]
    assert 20 < len(left) < 250
    archive.close()
    assert path.stat().st_size <= 1_000_000


def test_a_clock_that_was_set_back_keeps_no_database_too_big(archive: Archive, path: Path) -> None:
    long = [{"role": "agent", "text": "x" * 10_000}]
    for number in range(250):
        archive.write(ended(number, at=NOW + 400 * DAY + number, transcript=long))
    while archive.trim(NOW):
        pass
    archive.close()
    assert path.stat().st_size <= 1_000_000


def test_letters_that_wait_cost_no_call_its_place(archive: Archive, path: Path) -> None:
    for number in range(5):
        waiting = Letter(
            id=f"d-{number}",
            endpoint="https://here.example",
            call=f"c-{number}",
            event="call.ended",
            written=NOW,
            body="x" * 400_000,
        )
        archive.write(ended(number, at=NOW + number), [waiting])
    assert not archive.trim(NOW + 5)
    assert len(ids(path)) == 5


def test_a_write_waits_a_minute_for_another_process(archive: Archive) -> None:
    with archive.writing() as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (60_000,)


def test_without_limits_nothing_leaves(path: Path) -> None:
    archive = Archive(path, keep_days=0, keep_mb=0)
    archive.open()
    archive.write(ended(1, at=0.0))
    assert not archive.trim(NOW)
    archive.close()
    assert ids(path) == ["c-1"]


_DOOMED = """
import os, signal, sys
from pathlib import Path
from bridge.archive import Archive
from tests.unit.bridge.archive.records import began, ended
archive = Archive(Path(sys.argv[1]), keep_days=90, keep_mb=1)
archive.open()
for number in range(20):
    archive.write(began(number))
for number in range(10):
    archive.write(ended(number))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_after_a_kill_the_database_is_whole_and_the_calls_alive_are_marked(path: Path) -> None:
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", _DOOMED, str(path)], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    archive = Archive(path, keep_days=90, keep_mb=1)
    crashed = archive.open()
    assert [each["id"] for each in crashed] == [f"c-{number}" for number in range(10, 20)]
    assert {each["outcome"]["cause"] for each in crashed} == {"crashed"}
    assert len(ids(path, cause="crashed", result="indeterminate")) == 10
    assert len(ids(path, result="success")) == 10
    archive.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    archive = Archive(path, keep_days=90, keep_mb=1)
    assert archive.open() == []
    archive.close()


def test_the_calls_of_another_process_that_lives_are_left_alone(
    archive: Archive, path: Path
) -> None:
    archive.write(began(1))
    other = Archive(path, keep_days=90, keep_mb=1)
    assert other.open() == []
    other.write(ended(2))
    other.close()
    archive.write(ended(1))
    assert ids(path) == ["c-2", "c-1"]


def test_a_full_disk_fails_the_write_and_the_next_one_succeeds(archive: Archive) -> None:
    archive.write(ended(1))
    assert archive._connection is not None
    archive._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        archive.write(ended(2, transcript=[{"role": "agent", "text": "x" * 90_000}]))
    archive._connection.execute("PRAGMA max_page_count = 100000")
    archive.write(ended(100))


def test_a_disk_that_is_full_at_the_start_is_told_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:")
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE too_much (x)")
        raise AssertionError

    archive = Archive(path, keep_days=90, keep_mb=1)
    with monkeypatch.context() as patched:
        patched.setattr("bridge.archive.archive._connect", full)
        assert archive.open() == []
        assert "cannot be used for now, and is tried again: " in caplog.text
        with pytest.raises(sqlite3.OperationalError):
            archive.write(ended(1))
    archive.write(ended(2))
    archive.close()
    assert ids(path) == ["c-2"]


def test_what_cannot_be_a_database_is_told_by_its_name(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(ArchiveError, match=r"calls\.db: .*not a database"):
        Archive(path, keep_days=90, keep_mb=1).open()
    path.unlink()
    path.mkdir()
    with pytest.raises(ArchiveError, match=r"calls\.db: unable to open"):
        Archive(path, keep_days=90, keep_mb=1).open()


def test_a_database_of_a_later_version_is_not_touched(archive: Archive, path: Path) -> None:
    archive.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    with pytest.raises(ArchiveError, match=rf"calls\.db has schema {len(STEPS) + 1}"):
        Archive(path, keep_days=90, keep_mb=1).open()


def test_an_older_database_goes_through_the_steps_it_lacks(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    upgrade(connection, STEPS[:1])
    connection.execute("INSERT INTO calls VALUES (1, 'c-1', 0, '', '', '', '', '', '', '', '{}')")
    upgrade(connection, (STEPS[0], "ALTER TABLE calls ADD COLUMN mood TEXT;\n"))
    assert connection.execute("SELECT id, mood FROM calls").fetchall() == [("c-1", None)]
    upgrade(connection, (STEPS[0], "never run again"))
    connection.close()


def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    upgrade(connection, STEPS[:1])
    with pytest.raises(sqlite3.OperationalError):
        upgrade(connection, (STEPS[0], "CREATE TABLE moods (x);\nnonsense;\n"))
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "moods" not in names
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_a_reader_says_what_it_could_not_open(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"none\.db"):
        Reader(tmp_path / "none.db").find("c-1")
    assert not list(tmp_path.iterdir())


def test_a_question_that_takes_too_long_is_given_up(
    archive: Archive, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        archive.write(ended(number))
    monkeypatch.setattr("bridge.archive.reader._STEPS_BETWEEN_LOOKS", 10)
    monkeypatch.setattr("bridge.archive.reader.LONGEST_S", -1.0)
    reader = Reader(path)
    with pytest.raises(ArchiveError, match="interrupted"):
        reader.page(Inquiry())
    monkeypatch.setattr("bridge.archive.reader.LONGEST_S", 5.0)
    assert len(reader.page(Inquiry()).records) == 100
    reader.close()
