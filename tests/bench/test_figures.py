import json
from pathlib import Path

import numpy as np
import pytest

from tests.bench.figures import Spread, delays, histogram_bound, lateness_on_the_wire


def write_columns(path: Path, **columns: list[float]) -> None:
    head = json.dumps({name: len(values) for name, values in columns.items()}) + "\n"
    path.write_bytes(
        head.encode() + b"".join(np.array(each).tobytes() for each in columns.values())
    )


BUCKETS = 'bridge_tick_late_seconds_bucket{{le="{}"}}'


def test_a_spread_tells_percentiles_in_milliseconds() -> None:
    spread = Spread.of([each / 1000 for each in range(101)])
    assert (spread.p50, spread.p90, spread.p99, spread.max) == (50.0, 90.0, 99.0, 100.0)


def test_delays_join_what_caller_and_agent_saw_of_the_same_frame(tmp_path: Path) -> None:
    caller, echo = tmp_path / "caller", tmp_path / "echo"
    write_columns(
        caller, identity=[7.0, 5.0, 9.0], sent_at=[1.0, 2.0, 3.0], heard_at=[1.5, 2.25, 3.5]
    )
    write_columns(
        echo,
        identity=[5.0, 6.0, 7.0],
        arrived_at=[2.125, 0.0, 1.25],
        returned_at=[2.1875, 0.0, 1.375],
    )
    round_trip, uplink, downlink, held = delays(caller, echo)
    assert round_trip.tolist() == [0.5, 0.25, 0.5]
    assert uplink.tolist() == [0.25, 0.125]
    assert downlink.tolist() == [0.125, 0.0625]
    assert held.tolist() == [0.125, 0.0625]


def test_packets_are_late_against_their_own_calls_clock_also_where_it_wraps(tmp_path: Path) -> None:
    caller = tmp_path / "caller"
    wrap = 2**32 / 8000
    write_columns(
        caller,
        packet_of=[0.0, 1.0, 0.0, 0.0],
        packet_at=[10.0, 99.0, 10.02, 10.05],
        packet_time=[wrap - 0.02, 4.0, 0.0, 0.02],
    )
    late = lateness_on_the_wire(caller)
    assert late == pytest.approx([0.0, 0.0, 0.01, 0.0], abs=1e-6)


def test_a_histogram_is_read_between_two_scrapes() -> None:
    before = {BUCKETS.format("0.001"): 5.0, BUCKETS.format("+Inf"): 5.0}
    after = {
        BUCKETS.format("0.001"): 5.0,
        BUCKETS.format("0.002"): 94.0,
        BUCKETS.format("0.01"): 105.0,
        BUCKETS.format("+Inf"): 105.0,
    }
    assert histogram_bound(before, after, "bridge_tick_late_seconds", 0.5) == 0.002
    assert histogram_bound(before, after, "bridge_tick_late_seconds", 0.99) == 0.01
