import pytest

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


def test_an_hour_of_quiet_saves_up_no_more_than_a_second_of_it() -> None:
    bucket = TokenBucket(2)
    bucket.take(0.0)
    assert [bucket.take(3600.0) for _ in range(4)] == [0, 0, 0.5, 1.0]
