from dataclasses import fields
from typing import Any

from tests.bench.figures import Level, Spread
from tests.bench.tools import table


def level(sent: int) -> Level:
    """A window of 50 calls."""
    spread = Spread(p50=1.0, p90=2.0, p99=3.0, max=4.0, count=5)
    values: dict[str, Any] = {
        each.name: spread if each.type is Spread else 1 for each in fields(Level)
    }
    return Level(**values | {"calls": 50, "seconds": 10.0, "frames_sent": sent})


def test_the_same_calls_are_told_side_by_side() -> None:
    lines = table(level(100), level(90), {"ok": 12.0, "error": 0.0})
    assert lines[0] == "50 calls for 10 s; tools used meanwhile: 12 ok"
    assert "| frames sent by the callers | 100 | 90 |" in lines
    assert "| round trip, ms, p99 | 3.0 | 3.0 |" in lines
