import logging

import pytest

from bridge import log_limit
from bridge.log_limit import BURST, INFO_BURST, LogLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def record(
    number: int, text: str = "< tool %s is not ours", level: int = logging.WARNING
) -> logging.LogRecord:
    return logging.LogRecord("bridge.tools", level, "", 1, text, (number,), None)


def test_a_storm_of_one_kind_is_held_back_and_told_of_afterwards() -> None:
    clock = Clock()
    limit = LogLimit(clock)
    assert sum(limit.filter(record(number)) for number in range(1000)) == BURST
    clock.now += 1.0
    later = record(7)
    assert limit.filter(later)
    assert later.getMessage() == f"< tool 7 is not ours ({1000 - BURST} more like it before)"
    again = record(8)
    assert limit.filter(again)
    assert again.getMessage() == "< tool 8 is not ours"


def test_an_error_is_not_held_back_for_another_kind() -> None:
    limit = LogLimit(Clock())
    for number in range(1000):
        limit.filter(record(number))
    assert limit.filter(record(1, "= tool %d failed"))


def test_calls_are_told_at_ten_times_the_rate_and_debug_at_any() -> None:
    limit = LogLimit(Clock())
    calls = [record(number, "= call %d", logging.INFO) for number in range(1000)]
    assert sum(map(limit.filter, calls)) == INFO_BURST
    details = [record(number, "> %d", logging.DEBUG) for number in range(1000)]
    assert all(map(limit.filter, details))


def test_what_has_been_said_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_limit, "CAPACITY", 10)
    limit = LogLimit(Clock())
    for number in range(1000):
        limit.filter(record(number, f"kind {number} %d"))
    assert len(limit._said) == 10
