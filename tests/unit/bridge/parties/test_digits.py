import asyncio

import pytest

from bridge.parties.digits import CAPACITY, DigitGatherer


@pytest.fixture
def told() -> list[str]:
    return []


async def turn() -> None:
    """Let timers that are due run: those of no delay at all."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_digits_pressed_quickly_are_told_together(told: list[str]) -> None:
    gatherer = DigitGatherer(pause_s=0, tell=told.append)
    for digit in "4711#":
        gatherer.press(digit, way="rtp")
    assert told == []
    await turn()
    assert told == ["4711#"]


async def test_digits_after_a_pause_are_told_apart(told: list[str]) -> None:
    gatherer = DigitGatherer(pause_s=0, tell=told.append)
    gatherer.press("1", way="rtp")
    await turn()
    gatherer.press("2", way="rtp")
    await turn()
    assert told == ["1", "2"]


async def test_a_phone_that_sends_each_digit_twice_is_heard_once(told: list[str]) -> None:
    gatherer = DigitGatherer(pause_s=0, tell=told.append)
    for digit in "12":
        gatherer.press(digit, way="rtp")
        gatherer.press(digit, way="info")
    await turn()
    assert (told, gatherer.pressed) == (["12"], 2)


async def test_a_phone_that_only_knows_info_is_heard(told: list[str]) -> None:
    gatherer = DigitGatherer(pause_s=0, tell=told.append)
    gatherer.press("5", way="info")
    await turn()
    assert told == ["5"]


async def test_a_key_held_by_a_cat_stays_bounded(told: list[str]) -> None:
    gatherer = DigitGatherer(pause_s=60, tell=told.append)
    for _ in range(CAPACITY):
        gatherer.press("0", way="rtp")
    assert told == ["0" * CAPACITY]


async def test_digits_of_a_call_that_is_over_are_forgotten(told: list[str]) -> None:
    gatherer = DigitGatherer(pause_s=0, tell=told.append)
    gatherer.press("1", way="rtp")
    gatherer.close()
    await turn()
    assert told == []
