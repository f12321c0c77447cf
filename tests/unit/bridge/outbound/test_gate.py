import pytest

from bridge.errors import Full
from bridge.outbound.gate import LONGEST_REST_S, PATIENCE_S, Gate


def gate(*, pace: float = 0.0, max_calls: int = 0, alive: int = 0) -> Gate:
    return Gate("carrier", calls_per_second=pace, max_calls=max_calls, alive=lambda: alive)


def test_a_gate_without_limits_is_open() -> None:
    assert gate(alive=10_000).enter(0.0) == 0


def test_a_call_waits_for_its_turn_and_one_that_would_wait_too_long_is_refused() -> None:
    narrow = gate(pace=2)
    waits = [narrow.enter(50.0) for _ in range(12)]
    with pytest.raises(Full) as refused:
        narrow.enter(50.0)
    assert max(waits) == PATIENCE_S
    assert refused.value.retry_after_s == 1
    assert narrow.enter(51.0) <= PATIENCE_S


def test_a_refused_call_takes_no_turn() -> None:
    narrow = gate(pace=1)
    for _ in range(6):
        narrow.enter(0.0)
    for _ in range(20):
        with pytest.raises(Full):
            narrow.enter(0.0)
    assert narrow.enter(1.0) <= PATIENCE_S


def test_a_trunk_carries_no_more_than_its_calls_those_on_their_way_included() -> None:
    full = gate(max_calls=3, alive=2)
    assert full.enter(0.0) == 0
    full.coming += 1
    with pytest.raises(Full, match="all its 3 calls"):
        full.enter(0.0)
    full.coming -= 1
    assert full.enter(0.0) == 0


def test_a_trunk_that_asked_for_rest_is_left_alone_for_so_long_and_never_for_ever() -> None:
    resting = gate()
    resting.rest(30, 100.0)
    resting.rest(5, 100.0)
    with pytest.raises(Full) as refused:
        resting.enter(110.5)
    assert refused.value.retry_after_s == 20
    assert resting.enter(130.0) == 0
    resting.rest(10**6, 200.0)
    assert resting.enter(200.0 + LONGEST_REST_S) == 0
