import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.archive import ArchiveError, Inquiry, NoDatabase, jsonlines, past_calls
from bridge.archive.archive import Archive
from bridge.configuration.sections import JournalConfig
from bridge.papers import journal as journals
from bridge.papers.journal import Journal
from tests.support.waiting import until
from tests.unit.bridge.archive.records import NOW, began, ended


def keeping(folder: Path, **more: Any) -> JournalConfig:
    """Lines and database in a folder."""
    files = {"path": str(folder / "journal.jsonl"), "database": str(folder / "calls.db")}
    return JournalConfig.model_validate(files | more)


async def test_each_record_is_one_json_line_in_order(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "journal.jsonl"
    async with Journal(JournalConfig.model_validate({"path": str(path)})) as journal:
        for number in range(50):
            journal.add({"id": f"c-{number}", "text": "zwei\nZeilen"})
    lines = path.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"c-{number}" for number in range(50)]


async def test_a_journal_that_cannot_be_opened_says_so_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=rf"^journal\.path \S+{tmp_path.name}: Is a directory"):
        async with Journal(JournalConfig.model_validate({"path": str(tmp_path)})):
            pass
    with pytest.raises(ArchiveError, match=rf"^journal\.database \S+{tmp_path.name}: "):
        async with Journal(JournalConfig.model_validate({"database": str(tmp_path)})):
            pass


async def test_who_opens_a_database_that_another_has_open_knows_it(tmp_path: Path) -> None:
    async with Journal(keeping(tmp_path)) as first, Journal(keeping(tmp_path)) as second:
        assert (first.shared, second.shared) == (False, True)
    async with Journal(keeping(tmp_path)) as third:
        assert not third.shared


async def test_a_disk_that_fails_later_costs_lines_not_calls(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with Journal(JournalConfig.model_validate({"path": str(path)})) as journal:
        path.unlink()
        path.mkdir()
        journal.add({"id": "c-1"})
        journal.add({"id": "c-2"})
    assert (journal.written, journal.lost) == (0, 2)


async def test_a_full_disk_is_told_once_and_so_is_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Journal(JournalConfig.model_validate({"path": "/dev/full"})) as journal:
        for number in range(3):
            journal.add({"id": f"c-{number}"})
        await until(lambda: journal.lost == 3)
        journal.path = tmp_path / "journal.jsonl"
        journal.add({"id": "c-4"})
        await until(lambda: journal.written == 1)
    told = [(each.levelno, each.getMessage()) for each in caplog.records]
    assert [level for level, _ in told] == [logging.ERROR, logging.WARNING]
    assert "No space left" in told[0][1]
    assert "3 records were lost" in told[1][1]


async def test_a_line_that_only_half_fits_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    config = keeping(tmp_path)
    async with Journal(config) as journal:
        journal.add(ended(1))
        await until(lambda: journal.written == 1)
        with monkeypatch.context() as small:
            small.setattr(jsonlines, "append", _half)
            journal.add(ended(2))
            await until(lambda: journal.lost == 1)
        journal.add(ended(3))
        await until(lambda: journal.written == 2)
        # What one of the two could not keep the other has kept.
        page = await journal.past.page(Inquiry())
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["c-1", "c-3"]
    assert [json.loads(record)["id"] for record in page.records] == ["c-3", "c-2", "c-1"]


def _half(path: Path, value: Mapping[str, Any]) -> None:
    """A file system with 20 bytes left."""
    import resource  # noqa: PLC0415 - for this one test
    import signal  # noqa: PLC0415

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.getsignal(signal.SIGXFSZ)
    assert former is not signal.SIG_DFL
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
    try:
        _APPEND(path, value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


_APPEND = jsonlines.append


async def test_without_a_path_nothing_is_kept() -> None:
    async with Journal(JournalConfig()) as journal:
        journal.begin(began(1))
        journal.add(ended(1))
        with pytest.raises(NoDatabase):
            await journal.past.find("c-1")
        with pytest.raises(NoDatabase):
            await journal.past.page(Inquiry())
    assert journal.written == journal.lost == 0


async def test_a_stalled_disk_loses_what_does_not_fit_into_the_queue_and_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = threading.Event()
    monkeypatch.setattr(journals, "PENDING_WRITES", 10)
    monkeypatch.setattr(journals, "CLOSE_S", 0.05)
    async with Journal(keeping(tmp_path)) as journal:
        with monkeypatch.context() as stalled:
            stalled.setattr(Archive, "write", lambda *_: disk.wait())
            for number in range(25):
                journal.add(ended(number))
            assert (journal.pending, journal.lost) == (10, 15)
            disk.set()
            await until(lambda: not journal.pending)
        disk.clear()
        with monkeypatch.context() as stalled:
            stalled.setattr(Archive, "write", lambda *_: disk.wait())
            journal.add(ended(30))
            await journal.__aexit__(None, None, None)
    disk.set()
    await until(lambda: not journal._writer._thread.is_alive())


async def test_what_a_killed_process_left_is_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = keeping(tmp_path)
    assert config.database is not None
    former = Archive(config.database, keep_days=1, keep_mb=1)
    former.open()
    former.write(began(1))
    former.close()
    async with Journal(config) as journal:
        assert [each["id"] for each in journal.crashed] == ["c-1"]
        assert json.loads(await journal.past.find("c-1") or "")["outcome"]["cause"] == "crashed"
    assert "c-1" in caplog.text
    assert json.loads((tmp_path / "journal.jsonl").read_text())["outcome"]["cause"] == "crashed"


async def test_old_calls_leave_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "TRIM_INTERVAL_S", 0.01)
    wall = NOW
    async with Journal(keeping(tmp_path, keep_days=2), wall=lambda: wall) as journal:
        journal.add(ended(1))
        journal.add(ended(2, at=NOW + 86_400))
        await until(lambda: journal.written == 2)
        wall += 2.5 * 86_400
        async with asyncio.timeout(5):
            while len((await journal.past.page(Inquiry())).records) != 1:
                pass
        assert await journal.past.find("c-1") is None
        assert await journal.past.find("c-2") is not None


async def test_too_many_questions_at_once_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_calls, "PENDING_QUESTIONS", 0)
    async with Journal(keeping(tmp_path)) as journal:
        with pytest.raises(ArchiveError, match="too many"):
            await journal.past.find("c-1")
