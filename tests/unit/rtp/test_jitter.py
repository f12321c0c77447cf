import pytest

from rtp.jitter import JitterBuffer, Placement

CAP_S = 0.060


def buffer(first: int = 0) -> JitterBuffer[str]:
    jitter: JitterBuffer[str] = JitterBuffer()
    jitter.restart(first)
    return jitter


def push(
    jitter: JitterBuffer[str], sequence: int, now: float = 0.0, *, longest_s: float = 1.0
) -> Placement:
    return jitter.push(sequence & 0xFFFF, f"p{sequence}", now, jitter_s=0.010, longest_s=longest_s)


def pop_all(jitter: JitterBuffer[str], now: float = 0.0) -> list[tuple[int, str]]:
    popped = []
    while (ready := jitter.pop(now)) is not None:
        popped.append(ready)
    return popped


def test_a_packet_in_order_can_go_at_once() -> None:
    jitter = buffer()
    assert push(jitter, 0) is Placement.READY
    assert pop_all(jitter) == [(0, "p0")]


def test_a_packet_beyond_a_gap_is_held() -> None:
    jitter = buffer()
    push(jitter, 1)
    assert pop_all(jitter) == []
    assert jitter.straight == -1


def test_reordered_packets_come_out_in_order() -> None:
    jitter = buffer()
    for sequence in (2, 1, 3, 0):
        push(jitter, sequence)
    assert pop_all(jitter) == [(0, "p0"), (0, "p1"), (0, "p2"), (0, "p3")]
    assert jitter.straight == 4
    assert jitter.deadline is None


def test_a_packet_that_follows_one_it_precedes_is_told_apart() -> None:
    jitter = buffer()
    push(jitter, 3)
    assert push(jitter, 5) is Placement.READY
    assert push(jitter, 4) is Placement.REORDERED
    assert push(jitter, 0) is Placement.REORDERED


def test_a_gap_is_given_up_when_the_wait_is_over() -> None:
    jitter = buffer()
    push(jitter, 2, now=1.0)
    assert jitter.deadline == pytest.approx(1.020)  # twice the jitter
    assert pop_all(jitter, now=1.019) == []
    assert pop_all(jitter, now=1.020) == [(2, "p2")]


def test_two_gaps_are_waited_for_one_after_the_other() -> None:
    jitter = buffer()
    push(jitter, 1, now=1.000)
    push(jitter, 3, now=1.010)
    assert pop_all(jitter, now=1.020) == [(1, "p1")]
    assert jitter.deadline == pytest.approx(1.030)
    assert pop_all(jitter, now=1.030) == [(1, "p3")]


def test_the_wait_is_never_longer_than_the_cap() -> None:
    jitter = buffer()
    jitter.push(1, "p1", 1.0, jitter_s=0.5)
    assert jitter.deadline == pytest.approx(1.0 + CAP_S)


def test_the_wait_grows_to_what_reordering_has_taken() -> None:
    jitter = buffer()
    push(jitter, 1, now=1.000)
    push(jitter, 0, now=1.040)
    pop_all(jitter, now=1.040)
    push(jitter, 3, now=2.000)
    assert jitter.deadline == pytest.approx(2.050)


def test_a_packet_that_comes_after_it_was_given_up_is_late_and_teaches_patience() -> None:
    jitter = buffer()
    push(jitter, 1, now=1.000)
    pop_all(jitter, now=1.020)
    assert push(jitter, 0, now=1.032) is Placement.LATE
    push(jitter, 3, now=2.000)
    assert jitter.deadline == pytest.approx(2.040)


def test_losses_that_nothing_fills_let_the_wait_shrink_again() -> None:
    jitter = buffer()
    push(jitter, 1, now=1.000)
    push(jitter, 0, now=1.050)
    pop_all(jitter, now=1.050)
    for number in range(40):
        push(jitter, 3 + 2 * number, now=2.0 + number)
        pop_all(jitter, now=2.9 + number)
    push(jitter, 83, now=100.0)
    assert jitter.deadline == pytest.approx(100.020)


def test_the_same_packet_twice_is_a_duplicate_held_or_gone() -> None:
    jitter = buffer()
    push(jitter, 2)
    assert push(jitter, 2) is Placement.DUPLICATE
    push(jitter, 0)
    pop_all(jitter)
    assert push(jitter, 0) is Placement.DUPLICATE


def test_a_late_packet_that_comes_twice_is_late_once() -> None:
    jitter = buffer()
    push(jitter, 1)
    pop_all(jitter, now=1.0)
    assert push(jitter, 0) is Placement.LATE
    assert push(jitter, 0) is Placement.DUPLICATE


@pytest.mark.parametrize("jump", [1001, -1001, 0x8000])
def test_a_jump_of_more_than_a_thousand_is_another_numbering(jump: int) -> None:
    jitter = buffer(5000)
    assert push(jitter, 5000 + jump) is Placement.FAR


def test_a_packet_nobody_needs_to_wait_for_goes_at_once() -> None:
    jitter = buffer()
    push(jitter, 5, longest_s=0.0)
    assert pop_all(jitter) == [(5, "p5")]


def test_the_wait_is_no_longer_than_the_owner_thinks_worth_it() -> None:
    jitter = buffer()
    push(jitter, 5, longest_s=0.007)
    assert jitter.deadline == pytest.approx(0.007)
    assert pop_all(jitter, 0.008) == [(5, "p5")]


def test_a_flood_beyond_a_gap_ends_the_wait() -> None:
    jitter: JitterBuffer[int] = JitterBuffer(capacity=8)
    for sequence in range(1, 9):
        jitter.push(sequence, sequence, 0.0, jitter_s=0.0)
    assert jitter.pop(0.0) == (1, 1)


def test_the_sequence_wraps_without_a_gap() -> None:
    jitter = buffer(0xFFFE)
    popped = []
    for sequence in (0xFFFE, 0x10000, 0xFFFF, 0x10001):
        push(jitter, sequence)
        popped += pop_all(jitter)
    assert [lost for lost, _ in popped] == [0, 0, 0, 0]
    assert [name for _, name in popped] == ["p65534", "p65535", "p65536", "p65537"]
    assert jitter.highest == 0x10001


def test_packets_that_pass_by_count_as_released_across_the_wrap() -> None:
    jitter = buffer(0xFFF0)
    jitter.passed(0x0003)
    assert jitter.highest == 0x10002
    assert push(jitter, 0x0001) is Placement.DUPLICATE


def test_only_the_latest_of_many_given_up_are_known_as_late() -> None:
    jitter = buffer()
    push(jitter, 300)
    assert pop_all(jitter, 1.0) == [(300, "p300")]
    assert push(jitter, 299, 1.1) is Placement.LATE
    assert push(jitter, 43, 1.1) is Placement.DUPLICATE


def test_a_packet_that_came_seconds_late_does_not_lengthen_the_wait_for_long() -> None:
    jitter = buffer()
    push(jitter, 1)
    pop_all(jitter, 1.0)
    push(jitter, 0, 3.0)
    for number in range(20):
        push(jitter, 3 + 2 * number, 4.0 + number)
        pop_all(jitter, 4.5 + number)
    push(jitter, 43, 30.0)
    assert jitter.deadline == pytest.approx(30.020)  # twice the jitter again


def test_after_a_restart_nothing_is_waited_for() -> None:
    jitter = buffer()
    push(jitter, 2)
    assert jitter.deadline is not None
    jitter.restart(100)
    assert jitter.deadline is None
