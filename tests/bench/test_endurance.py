"""Growth is told from noise."""

import random

from tests.bench.endurance import Slope

CALLS = [250.0 * number for number in range(20)]


def slope(values: list[float]) -> Slope:
    return Slope.of("memory", CALLS, values, allowed=0.1, slack=1.0)


def test_what_grows_with_the_calls_is_found_though_it_wavers() -> None:
    chance = random.Random(7)
    found = slope([120 + 0.5 * calls / 1000 + chance.gauss(0, 0.2) for calls in CALLS])
    assert found.grew
    assert abs(found.gain - 0.5) < 0.2


def test_what_wavers_does_not_grow() -> None:
    chance = random.Random(7)
    assert not slope([120 + chance.gauss(0, 0.5) for _ in CALLS]).grew


def test_what_stands_still_or_was_seen_too_seldom_does_not_grow() -> None:
    assert not slope([120.0] * len(CALLS)).grew
    assert not Slope.of("memory", [1.0], [2.0], allowed=0.1, slack=1.0).grew


def test_a_little_over_all_is_none_however_few_the_calls() -> None:
    assert not slope([120.0 + 0.04 * number for number in range(len(CALLS))]).grew
    assert slope([120.0 + 0.06 * number for number in range(len(CALLS))]).grew
