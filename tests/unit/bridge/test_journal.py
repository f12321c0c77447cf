import json
from pathlib import Path

import pytest

from bridge.journal import Journal


async def test_each_record_is_one_json_line_in_order(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "journal.jsonl"
    async with Journal(path) as journal:
        for number in range(50):
            journal.add({"id": f"c-{number}", "text": "zwei\nZeilen"})
    lines = path.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"c-{number}" for number in range(50)]


async def test_a_journal_that_cannot_be_opened_says_so_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=tmp_path.name):
        async with Journal(tmp_path):
            pass


async def test_a_disk_that_fails_later_costs_lines_not_calls(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with Journal(path) as journal:
        path.unlink()
        path.mkdir()
        journal.add({"id": "c-1"})
        journal.add({"id": "c-2"})
    assert (journal.written, journal.lost) == (0, 2)


async def test_without_a_path_nothing_is_kept() -> None:
    async with Journal(None) as journal:
        journal.add({"id": "c-1"})
    assert journal.written == 0
