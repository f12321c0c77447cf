"""How evenly packets come, and what is made of it."""

import pytest

from rtp.arrivals import LEAST_PATIENCE_S, Arrivals
from rtp.stats import StreamStats
from tests.support.network import Link
from tests.unit.rtp.test_uplink import Caller

FRAME_S = 0.02


def steady(arrivals: Arrivals, packets: int, *, late_s: float = 0.0) -> None:
    """Packets of 20 ms that come as they were sent, every tenth of them later than that."""
    arrivals.begin(0, 0.0)
    for number in range(packets):
        late = late_s if number % 10 == 9 else 0.0
        arrivals.note(number * 160, number * FRAME_S + late)


def test_jitter_is_measured_as_rfc_3550_has_it() -> None:
    caller, link = Caller(), Link(seed=5, delay_ms=100, jitter_ms=16)
    for number in range(1000):
        for arrival in link.carry(number * 0.02):
            caller.time.at(arrival, lambda n=number: caller.send(n))  # type: ignore[misc]
    caller.time.run(30.0)
    mean_difference = 0.016 / 3  # of two evenly spread delays
    assert caller.stats.jitter == pytest.approx(mean_difference, rel=0.5)


def test_a_leap_of_either_clock_is_no_jitter() -> None:
    stats = StreamStats()
    arrivals = Arrivals(8000, stats=stats)
    steady(arrivals, 100)
    for timestamp, now in ((100 * 160 + 80_000, 2.0), (101 * 160 + 80_000, 33.0)):
        arrivals.note(timestamp, now)
    assert stats.jitter == pytest.approx(0.0, abs=1e-12)


def test_a_timestamp_that_wraps_is_no_jitter() -> None:
    stats = StreamStats()
    arrivals = Arrivals(8000, stats=stats)
    arrivals.begin(0xFFFFFFFF - 319, 0.0)
    for number in range(1, 10):
        arrivals.note((0xFFFFFFFF - 319 + number * 160) & 0xFFFFFFFF, number * FRAME_S)
    assert stats.jitter == pytest.approx(0.0, abs=1e-12)


def test_patience_grows_with_the_packets_and_their_jitter_within_bounds() -> None:
    stats = StreamStats()
    arrivals = Arrivals(8000, stats=stats)
    assert arrivals.patience_s(0.01) == LEAST_PATIENCE_S
    assert arrivals.patience_s(0.06) == pytest.approx(0.1)
    stats.jitter = 0.02
    assert arrivals.patience_s(0.06) == pytest.approx(0.16)
    stats.jitter = 1.0
    assert arrivals.patience_s(0.06) == pytest.approx(0.2)


def test_across_a_gap_the_wait_is_as_long_as_the_slowest_packets_take() -> None:
    arrivals = Arrivals(8000, stats=StreamStats())
    steady(arrivals, 100)
    assert arrivals.wait_s(FRAME_S) == pytest.approx(0.005)
    steady(arrivals, 100, late_s=0.060)
    arrivals.note(100 * 160, 100 * FRAME_S)
    assert arrivals.wait_s(FRAME_S) == pytest.approx(0.060 + 0.005 - FRAME_S, abs=0.001)


def test_another_sender_is_measured_anew() -> None:
    arrivals = Arrivals(8000, stats=StreamStats())
    steady(arrivals, 100, late_s=0.060)
    arrivals.begin(4711, 50.0)
    assert arrivals.wait_s(FRAME_S) == pytest.approx(0.005)
