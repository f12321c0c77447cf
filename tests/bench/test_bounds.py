from dataclasses import fields
from typing import Any

from tests.bench.bounds import lines
from tests.bench.figures import Level, Spread

SPREAD = Spread(p50=0.1, p90=0.2, p99=0.3, max=4.0, count=10)


def level(**known: Any) -> Level:
    every = {each.name: SPREAD if each.type is Spread else 0 for each in fields(Level)}
    return Level(**{**every, **known})


def test_the_bridges_own_work_is_what_the_same_packets_in_c_do_not_take() -> None:
    seen = level(
        calls=100, cpu_per_call=0.30, awake_cpu_per_call=0.24, caller_cpu=8.0, echo_cpu=9.0
    )
    page = list(lines([seen]))
    assert "| the same packets in C | 0.170 |  |" in page
    assert "| beyond that | 0.130 |  |" in page
    assert "| on a core that never idles | 0.240 |  |" in page
    assert "| lateness of load and agent, p99 ms | 0.3 | < 2 |" in page
