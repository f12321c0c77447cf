import asyncio

import pytest

from bridge.errors import NotNow
from bridge.parties.digits import DigitGatherer
from tests.support.clock import run_virtually


class Keys:
    """A caller's keys, and what was told of them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.digits = DigitGatherer(pause_s=0.8, tell=self.told.append)

    def press(self, digits: str) -> None:
        for digit in digits:
            self.digits.press(digit, way="rtp")

    async def enter(self, digits: str, *, count: int = 4, end: str = "#") -> str:
        """Wait for an entry while the caller presses a key each second."""
        entry = asyncio.create_task(self.digits.collect(count, end=end, timeout_s=10))
        for digit in digits:
            await asyncio.sleep(1)
            self.press(digit)
        return await entry


@pytest.mark.parametrize(
    ("pressed", "entered"), [("1234", "1234"), ("12#", "12"), ("#", ""), ("12", "12"), ("", "")]
)
def test_an_entry_ends_with_enough_digits_its_key_or_in_time(pressed: str, entered: str) -> None:
    async def live() -> tuple[str, list[str]]:
        keys = Keys()
        return await keys.enter(pressed), keys.told

    assert run_virtually(live()) == (entered, [])


def test_an_entry_waits_no_longer_than_it_may() -> None:
    async def live() -> float:
        began = asyncio.get_running_loop().time()
        assert await Keys().enter("12") == "12"
        return asyncio.get_running_loop().time() - began

    assert run_virtually(live()) == pytest.approx(10)


def test_a_key_that_ends_nothing_is_a_digit() -> None:
    async def live() -> str:
        return await Keys().enter("1#*2", end="")

    assert run_virtually(live()) == "1#*2"


def test_what_was_typed_ahead_is_part_of_the_entry_and_what_follows_is_not() -> None:
    async def live() -> list[str]:
        keys = Keys()
        keys.press("12345")
        assert await keys.digits.collect(3, timeout_s=1) == "123"
        await asyncio.sleep(1)
        return keys.told

    assert run_virtually(live()) == ["45"]


def test_two_may_not_wait_for_one_entry_and_none_beyond_the_call() -> None:
    async def live() -> None:
        keys = Keys()
        entry = asyncio.create_task(keys.digits.collect(3, timeout_s=5))
        await asyncio.sleep(0)
        with pytest.raises(NotNow, match="already"):
            await keys.digits.collect(3, timeout_s=5)
        keys.digits.close()
        with pytest.raises(NotNow, match="over"):
            await entry
        assert await keys.digits.collect(1, timeout_s=1) == ""

    run_virtually(live())
