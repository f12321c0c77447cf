"""Calls looked at in slices, in virtual time."""

import asyncio
import itertools
from collections.abc import Collection

from bridge.sampling import AT_ONCE, INTERVAL_S, sample
from tests.support.clock import run_virtually


def watched(live: dict[str, int], *, seconds: float, drop: str | None = None) -> list[list[int]]:
    """The slices of so long a time; the call `drop` ends after the first one."""
    slices: list[list[int]] = []

    def look(few: Collection[int]) -> None:
        slices.append(list(few))
        if drop is not None:
            live.pop(drop, None)

    async def story() -> None:
        task = asyncio.create_task(sample(live, look))
        await asyncio.sleep(seconds)
        task.cancel()

    run_virtually(story())
    return slices


def calls(count: int) -> dict[str, int]:
    return {str(number): number for number in range(count)}


def test_every_call_is_looked_at_once_in_an_interval() -> None:
    slices = watched(calls(20), seconds=INTERVAL_S * 2.5)
    assert sorted(each for few in slices for each in few) == sorted([*range(20)] * 2)


def test_few_are_looked_at_before_others_have_their_turn() -> None:
    turns: list[str] = []

    async def story() -> None:
        task = asyncio.create_task(
            sample(calls(3 * AT_ONCE), lambda few: turns.append(f"look at {len(few)}"))
        )
        await asyncio.sleep(INTERVAL_S)
        while len(turns) < 5:
            turns.append("audio")
            await asyncio.sleep(0)
        task.cancel()

    run_virtually(story())
    looks = [turn for turn in turns if turn != "audio"]
    assert set(looks) == {f"look at {AT_ONCE}"}
    assert all(one != two for one, two in itertools.pairwise(turns))


def test_a_call_that_ends_meanwhile_is_not_looked_at() -> None:
    last = str(2 * AT_ONCE - 1)
    slices = watched(calls(2 * AT_ONCE), seconds=INTERVAL_S * 1.5, drop=last)
    assert int(last) not in [each for few in slices for each in few]


def test_where_no_call_is_alive_nothing_is_looked_at() -> None:
    assert watched({}, seconds=INTERVAL_S * 3) == []
