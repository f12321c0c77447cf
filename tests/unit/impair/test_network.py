import itertools

import pytest

from tests.impair.network import BASE_S, Network, Path

PACKETS = 20_000
FRAME_S = 0.020


def lost(network: Network, seed: int = 1) -> list[bool]:
    path = Path(network, seed=seed)
    return [path.loses() for _ in range(PACKETS)]


def arrivals(network: Network, seed: int = 1) -> list[list[float]]:
    path = Path(network, seed=seed)
    return [path.carry(number * FRAME_S) for number in range(PACKETS)]


@pytest.mark.parametrize("burst", [1.0, 2.5])
def test_the_share_lost_is_the_share_asked_for(burst: float) -> None:
    assert sum(lost(Network(loss=0.05, burst=burst))) / PACKETS == pytest.approx(0.05, abs=0.01)


def test_bursts_have_the_mean_length_asked_for() -> None:
    runs = [
        len(list(run))
        for gone, run in itertools.groupby(lost(Network(loss=0.05, burst=2.5)))
        if gone
    ]
    assert sum(runs) / len(runs) == pytest.approx(2.5, abs=0.25)


def test_the_same_packets_are_lost_whatever_the_jitter() -> None:
    calm = arrivals(Network(loss=0.03))
    rough = arrivals(Network(loss=0.03, jitter_ms=60.0, reorder=0.02))
    assert [bool(one) for one in calm] == [bool(one) for one in rough]


def test_one_seed_is_one_network_and_another_seed_another() -> None:
    network = Network(loss=0.03, jitter_ms=20.0)
    assert arrivals(network, 1) == arrivals(network, 1)
    assert arrivals(network, 1) != arrivals(network, 2)


def test_jitter_in_a_queue_delays_by_at_most_what_was_asked_and_keeps_the_order() -> None:
    came = [one for (one,) in arrivals(Network(jitter_ms=60.0))]
    delays = [at - number * FRAME_S - BASE_S for number, at in enumerate(came)]
    assert 0.0 <= min(delays) < 0.010
    assert 0.050 < max(delays) <= 0.060 + 1e-9
    assert came == sorted(came)


def test_packets_that_go_their_own_ways_overtake_each_other() -> None:
    came = [one for (one,) in arrivals(Network(jitter_ms=60.0, ordered=False))]
    assert came != sorted(came)


def test_reordered_packets_come_after_their_successor() -> None:
    came = [one for (one,) in arrivals(Network(reorder=0.02))]
    overtaken = sum(later < earlier for earlier, later in itertools.pairwise(came))
    assert overtaken / PACKETS == pytest.approx(0.02, abs=0.005)


def test_doubled_packets_come_twice() -> None:
    copies = [len(one) for one in arrivals(Network(duplicate=0.05))]
    assert set(copies) == {1, 2}
    assert copies.count(2) / PACKETS == pytest.approx(0.05, abs=0.01)
