import json
from collections.abc import Iterator

import pytest

from bridge.archive import Archive, BadInquiry, Inquiry, Reader
from tests.unit.bridge.archive.records import NOW, began, ended


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    path = tmp_path_factory.mktemp("archive") / "calls.db"
    archive = Archive(path, keep_days=0, keep_mb=0)
    archive.open()
    archive.write(ended(1, at=NOW - 7200))
    archive.write(ended(2, at=NOW - 3600, agent="sales", trunk="carrier"))
    archive.write(ended(3, at=NOW - 60, result="client_error", cause="busy", callee="sales[1]"))
    archive.write(ended(4, at=NOW - 60, caller="anonymous"))
    archive.write(began(5, at=NOW))
    reader = Reader(path)
    yield reader
    reader.close()
    archive.close()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "54321"),
        ({"since": "1h"}, "5432"),
        ({"since": "59m"}, "543"),
        ({"since": "1d", "until": "60.5s"}, "21"),
        ({"since": "2027-01-15T07:00"}, "5432"),
        ({"since": "2027-01-15T08:00+01:00"}, "5432"),
        ({"until": "2027-01-15T06:30Z"}, "1"),
        ({"since": "2027-01-16"}, ""),
        ({"agent": "sales"}, "2"),
        ({"trunk": "pbx"}, "5431"),
        ({"caller": "anonymous"}, "4"),
        ({"caller": "+4420*"}, "5321"),
        ({"callee": "10?"}, "5421"),
        ({"callee": "sales[*"}, "3"),
        ({"callee": "*[1]"}, "3"),
        ({"result": "success"}, "421"),
        ({"cause": "busy"}, "3"),
        ({"cause": "busy", "agent": "sales"}, ""),
        ({"agent": "x' OR 1=1 --"}, ""),
    ],
)
def test_calls_are_found_by_what_is_known_of_them(
    reader: Reader, asked: dict[str, str], found: str
) -> None:
    page = reader.page(Inquiry.parse(asked, now=NOW))
    assert [json.loads(record)["id"] for record in page.records] == [f"c-{n}" for n in found]
    assert page.next is None


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_page_after_page_gives_every_call_once(reader: Reader, limit: int) -> None:
    seen: list[str] = []
    asked = {"limit": str(limit)}
    while True:
        page = reader.page(Inquiry.parse(asked, now=NOW))
        seen += (json.loads(record)["id"] for record in page.records)
        if page.next is None:
            break
        asked["cursor"] = page.next
    assert seen == ["c-5", "c-4", "c-3", "c-2", "c-1"]


@pytest.mark.parametrize("asked", ["agent", "trunk", "caller", "callee", "result", "cause"])
def test_what_is_asked_for_has_an_index(reader: Reader, asked: str) -> None:
    word = {"result": "success", "cause": "busy"}.get(asked, "word")
    where, values = Inquiry.parse({asked: word, "since": "1h"}, now=NOW).where()
    assert reader._connection is not None
    plan = reader._connection.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM calls WHERE {where} ORDER BY started DESC, number DESC",
        values,
    ).fetchall()
    assert "USING INDEX" in plan[0][3]
    assert all("TEMP B-TREE" not in step[3] for step in plan)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"since": "yesterday"}, "since: should be like 2h"),
        ({"since": ""}, "since: should be"),
        ({"since": "999999999w"}, None),
        ({"until": "2026-13-01"}, "until: should be"),
        ({"limit": "0"}, "limit: should be a number from 1 to 1000"),
        ({"limit": "1e3"}, "limit: "),
        ({"limit": "²"}, "limit: "),
        ({"cursor": "x"}, "cursor: "),
        ({"agent": ""}, "agent: is empty"),
        ({"agent": "x" * 300}, "agent: is longer than 256"),
        ({"caller": "\udcff"}, "caller: holds what is no plain text"),
        ({"agnet": "a"}, "agnet: is not known; did you mean agent?"),
        ({"result": "sucess"}, "did you mean success?"),
        ({"cause": "bussy"}, "did you mean busy?"),
    ],
)
def test_what_cannot_be_understood_is_told(asked: dict[str, str], says: str | None) -> None:
    if says is None:
        Inquiry.parse(asked, now=NOW)
        return
    with pytest.raises(BadInquiry) as caught:
        Inquiry.parse(asked, now=NOW)
    assert says in str(caught.value)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(BadInquiry) as caught:
        Inquiry.parse({"since": "x", "limit": "x", "colour": "x"}, now=NOW)
    assert str(caught.value).count(";") == 2
