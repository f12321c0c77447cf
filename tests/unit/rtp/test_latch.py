import pytest

from rtp.latch import Address, Latch

SIGNALLED = ("192.0.2.1", 4000)
BEHIND_NAT = ("203.0.113.9", 61234)
STRANGER = ("198.51.100.66", 4000)


def latch() -> Latch:
    return Latch(SIGNALLED, silence_s=2.0)


def test_until_a_packet_comes_the_signalled_address_is_the_target() -> None:
    assert latch().target == SIGNALLED
    assert latch().source is None


def test_the_source_of_the_first_packet_becomes_the_target() -> None:
    latched = latch()
    assert latched.admits(BEHIND_NAT, 1.0, None)
    assert latched.target == latched.source == BEHIND_NAT


def test_a_stranger_cannot_take_over_a_running_stream() -> None:
    latched = latch()
    latched.admits(BEHIND_NAT, 1.0, None)
    assert not latched.admits(STRANGER, 2.0, 1.98)
    assert latched.target == BEHIND_NAT


def test_the_signalled_address_overrules_whoever_came_first() -> None:
    latched = latch()
    latched.admits(STRANGER, 1.0, None)
    assert latched.admits(SIGNALLED, 1.1, 1.09)
    assert not latched.admits(STRANGER, 1.2, 1.19)
    assert latched.target == SIGNALLED


@pytest.mark.parametrize(("silent_s", "admitted"), [(1.99, False), (2.0, True)])
def test_a_new_source_is_let_in_after_silence(silent_s: float, admitted: bool) -> None:
    latched = latch()
    latched.admits(BEHIND_NAT, 1.0, None)
    assert latched.admits(STRANGER, 10.0, 10.0 - silent_s) is admitted


def test_a_new_answer_lets_the_source_move_but_keeps_sending_where_it_worked() -> None:
    latched = latch()
    latched.admits(BEHIND_NAT, 1.0, None)
    latched.reopen(SIGNALLED)
    assert latched.target == BEHIND_NAT
    moved = ("203.0.113.9", 61999)
    assert latched.admits(moved, 2.0, 1.99)
    assert latched.target == moved


def test_an_answer_with_another_address_is_followed_at_once() -> None:
    latched = latch()
    latched.admits(BEHIND_NAT, 1.0, None)
    latched.reopen(("192.0.2.77", 5000))
    assert latched.target == ("192.0.2.77", 5000)


def test_each_latching_is_told() -> None:
    told: list[Address] = []
    latched = Latch(SIGNALLED, silence_s=2.0, on_latch=told.append)
    latched.admits(BEHIND_NAT, 1.0, None)
    latched.admits(STRANGER, 1.1, 1.0)
    latched.admits(SIGNALLED, 1.2, 1.0)
    assert told == [BEHIND_NAT, SIGNALLED]


def test_an_ipv6_source_is_known_as_the_signalled_one_in_spite_of_flow_and_scope() -> None:
    latched = Latch(("2001:db8::1", 4000), silence_s=2.0)
    latched.admits(("2001:db8::66", 4000), 1.0, None)
    assert latched.admits(("2001:db8::1", 4000, 0, 0), 1.1, 1.0)


def test_a_source_that_was_latched_and_never_heard_is_no_hindrance() -> None:
    latched = latch()
    latched.admits(BEHIND_NAT, 1.0, None)
    assert latched.admits(STRANGER, 1.1, None)
