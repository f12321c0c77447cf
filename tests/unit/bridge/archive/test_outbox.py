from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.archive import Archive, outbox
from bridge.archive.outbox import Letter
from tests.unit.bridge.archive.records import NOW, began, ended

HERE, THERE = "https://here.example", "https://there.example"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "calls.db", keep_days=0, keep_mb=0)
    archive.open()
    yield archive
    archive.close()


def letter(name: str, call: str = "c-1", endpoint: str = HERE) -> Letter:
    return Letter(id=name, endpoint=endpoint, call=call, event="e", written=NOW, body="{}")


def post(archive: Archive, *letters: Letter) -> None:
    with archive.writing() as connection:
        outbox.post(connection, letters)


def due(archive: Archive, now: float = NOW, endpoint: str = HERE) -> list[Letter]:
    with archive.writing() as connection:
        return outbox.due(connection, endpoint, now, 10)[0]


def settle(archive: Archive, which: Letter) -> None:
    with archive.writing() as connection:
        outbox.settle(connection, which, NOW)


def names(letters: list[Letter]) -> list[str]:
    return [each.id for each in letters]


def test_of_each_call_one_letter_is_due_and_the_next_when_that_is_settled(
    archive: Archive,
) -> None:
    post(archive, letter("a1"), letter("b1", "c-2"), letter("a2"), letter("x", endpoint=THERE))
    post(archive, letter("a3"))
    assert names(due(archive)) == ["a1", "b1"]
    assert names(due(archive, endpoint=THERE)) == ["x"]
    settle(archive, due(archive)[0])
    assert names(due(archive)) == ["b1", "a2"]
    settle(archive, due(archive)[1])
    post(archive, letter("a4"))
    assert names(due(archive)) == ["b1", "a3"]
    for _ in range(3):
        settle(archive, due(archive)[-1])
    assert due(archive) == []
    post(archive, letter("a5"))
    assert names(due(archive)) == ["a5"]


def test_what_was_postponed_holds_its_call_up_and_no_other(archive: Archive) -> None:
    post(archive, letter("a1"), letter("a2"), letter("b1", "c-2"))
    with archive.writing() as connection:
        first = outbox.due(connection, HERE, NOW, 1)[0][0]
        outbox.postpone(connection, first, NOW + 60)
        assert outbox.due(connection, HERE, NOW, 10)[1] == NOW + 60
    assert names(due(archive)) == ["b1"]
    again = due(archive, NOW + 60)
    assert names(again) == ["b1", "a1"]
    assert [each.tries for each in again] == [0, 1]


def test_letters_outlive_their_process(archive: Archive, tmp_path: Path) -> None:
    archive.write(ended(1), [letter("a1")])
    archive.close()
    archive = Archive(tmp_path / "calls.db", keep_days=0, keep_mb=0)
    archive.open()
    assert names(due(archive)) == ["a1"]
    with archive.writing() as connection:
        assert outbox.count(connection, HERE) == 1
    archive.close()


def test_the_end_of_a_killed_call_is_written_with_its_mark(
    archive: Archive, tmp_path: Path
) -> None:
    archive.write(began(1))
    archive.close()
    archive = Archive(tmp_path / "calls.db", keep_days=0, keep_mb=0)
    archive.open(lambda record: [letter(f"end of {record['id']}")])
    assert names(due(archive)) == ["end of c-1"]
    archive.close()


def test_a_record_that_cannot_be_written_leaves_no_letter_behind(archive: Archive) -> None:
    with pytest.raises(KeyError):
        archive.write({"id": "c-1"}, [letter("a1")])
    assert due(archive) == []


def test_of_an_outbox_that_is_too_large_the_oldest_letters_are_given_up(archive: Archive) -> None:
    names_of = [f"a{number}" for number in range(5)]
    post(archive, *(letter(name) for name in names_of), letter("x", endpoint=THERE))
    with archive.writing() as connection:
        assert outbox.shed(connection, HERE, most_bytes=10, now=NOW) == []
        gone = outbox.shed(connection, HERE, most_bytes=5, now=NOW)
        assert names(gone) == ["a0", "a1", "a2"]
        assert outbox.count(connection, HERE) == 2
        assert outbox.count(connection, THERE) == 1
    assert names(due(archive)) == ["a3"]
