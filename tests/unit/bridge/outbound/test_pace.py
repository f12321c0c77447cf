import pytest

from bridge.errors import Full
from bridge.outbound.gate import LONGEST_REST_S, PATIENCE_S, Gate
from bridge.outbound.pace import TokenBucket


def test_a_seconds_worth_may_go_at_once_and_the_rest_at_the_rate() -> None:
    bucket = TokenBucket(4)
    assert [bucket.take(100.0) for _ in range(8)] == [0, 0, 0, 0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("rate", [0.2, 1, 3.5, 50])
def test_over_an_hour_no_more_go_than_the_rate_allows(rate: float) -> None:
    bucket, now, starts = TokenBucket(rate), 0.0, []
    while now < 3600:
        starts.append(now + bucket.take(now))
        now = max(now + 0.001, starts[-1])
    allowed = rate * 3600 + max(1.0, rate)
    assert allowed - 2 <= sum(start < 3600 for start in starts) <= allowed + 1e-6


def test_a_rate_below_one_a_second_still_lets_the_first_go() -> None:
    bucket = TokenBucket(0.1)
    assert bucket.take(0.0) == 0
    assert bucket.wait(4.0) == pytest.approx(6.0)
    assert bucket.wait(11.0) == 0


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = TokenBucket(1)
    bucket.take(10.0)
    assert bucket.wait(5.0) == pytest.approx(1.0)


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
