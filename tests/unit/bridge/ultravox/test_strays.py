"""Calls whose creation nobody told us of are found by their mark, and no other is touched."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.ultravox import strays
from bridge.ultravox.strays import MARK, Strays, marked


def call(mark: str, url: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {MARK: mark}, "joinUrl": url, "joined": None, "ended": None, **more}


class Account:
    """Ultravox's list of calls, and who was left."""

    def __init__(self, *pages: Mapping[str, Any] | None) -> None:
        self.pages = list(pages)
        self.asked: list[Mapping[str, str]] = []
        self.left: list[str] = []
        self.strays = Strays(self.ask, leave=self.leave)

    async def ask(self, filters: Mapping[str, str]) -> Mapping[str, Any] | None:
        self.asked.append(filters)
        return self.pages.pop(0) if self.pages else {"results": []}

    async def leave(self, join_url: str) -> None:
        self.left.append(join_url)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strays, "PAUSES_S", (0.0, 0.0, 0.0))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def sought(account: Account) -> list[str]:
    account.strays.seek("m1")
    await turns()
    return account.left


def test_each_request_has_a_mark_of_its_own_beside_the_metadata_given() -> None:
    first, one = marked({"metadata": {"a": "b"}, "x": 1}, None)
    second, other = marked({"metadata": {"a": "b"}}, {"throttle": "t"})
    assert first == {"metadata": {"a": "b", MARK: one}, "x": 1}
    assert second["metadata"][MARK] == other != one


def test_a_call_that_inherits_another_ones_metadata_keeps_it() -> None:
    assert marked({"x": 1}, {"priorCallId": "c"}) == ({"x": 1}, None)


async def test_the_one_with_the_mark_is_left() -> None:
    account = Account({"results": [call("m1", "wss://a")]})
    assert await sought(account) == ["wss://a"]
    assert account.asked == [{f"metadata.{MARK}": "m1"}]


async def test_it_is_asked_again_until_one_is_found() -> None:
    account = Account(None, {"results": []}, {"results": [call("m1", "wss://a")]})
    assert await sought(account) == ["wss://a"]
    assert len(account.asked) == 3


@pytest.mark.parametrize(
    "listed",
    [
        call("m2", "wss://another"),
        call("m1", "wss://talking", joined="2026-11-27T10:00:00Z"),
        call("m1", "wss://over", ended="2026-11-27T10:00:00Z"),
        {"joinUrl": "wss://unmarked", "metadata": {}},
        {"joinUrl": "wss://bare"},
        call("m1", "wss://x", joinUrl=None),
        "nonsense",
    ],
)
async def test_no_other_call_is_touched_by_a_server_that_lists_all(listed: Any) -> None:
    account = Account({"results": [listed]}, {"results": listed}, {})
    assert await sought(account) == []


async def test_what_an_answer_tells_of_is_sought_no_more() -> None:
    account = Account({"results": [call("m1", "wss://a")]})
    account.strays.seek("m1")
    account.strays.forget("m1")
    await turns()
    assert account.asked == []


async def test_nothing_is_sought_without_a_mark_or_beyond_what_may_wait() -> None:
    account = Account()
    account.strays.seek(None)
    for number in range(strays.WAITING + 5):
        account.strays.seek(str(number))
    assert len([task for task in asyncio.all_tasks() if "seek" in task.get_name()]) == (
        strays.WAITING
    )
    await account.strays.close()
    assert account.asked == []
