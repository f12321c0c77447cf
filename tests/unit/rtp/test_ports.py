import socket
from collections.abc import Iterator

import pytest

from deploy.ports import free_ports
from rtp.ports import NoPorts, PortPool

LOW = free_ports(20)


class Pool(PortPool):
    """Ten pairs on loopback, with a clock the test moves."""

    def __init__(self, low: int = LOW, high: int = LOW + 19, address: str = "127.0.0.1") -> None:
        self.now = 0.0
        super().__init__(low, high, bind_address=address, drain_s=30.0, clock=lambda: self.now)


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def test_a_pair_is_an_even_port_and_the_next_both_bound(pool: Pool) -> None:
    pair = pool.lease()
    assert pair.rtp_port % 2 == 0
    assert pair.rtcp_port == pair.rtp_port + 1
    assert pair.rtp.getsockname() == ("127.0.0.1", pair.rtp_port)
    assert pair.rtcp.getsockname() == ("127.0.0.1", pair.rtcp_port)
    assert pair.rtp.getblocking() is False


@pytest.mark.parametrize(
    ("low", "high", "pairs"), [(20, 29, 5), (21, 29, 4), (20, 28, 4), (20, 21, 1)]
)
def test_the_range_holds_the_pairs_that_fit_whole(low: int, high: int, pairs: int) -> None:
    assert PortPool(low, high).capacity == pairs


@pytest.mark.parametrize(
    ("address", "remote", "named"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("::", "192.0.2.7", "::ffff:192.0.2.7"),
        ("::", "2001:DB8:0:0::7", "2001:db8::7"),
    ],
)
def test_a_remote_is_named_as_the_sockets_name_it(address: str, remote: str, named: str) -> None:
    pool = Pool(address=address)
    assert pool.lease().towards((remote, 4000)) == (named, 4000)
    pool.close()


def test_a_remote_that_is_no_address_is_nobody_and_not_looked_up(pool: Pool) -> None:
    assert pool.lease().towards(("slow.example", 4000)) == ("0.0.0.0", 0)


def test_sockets_of_every_address_hear_both_ip_versions() -> None:
    pool = Pool(address="::")
    pair = pool.lease()
    pair.rtp.setblocking(True)
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as other:
            other.bind((host, 0))
            other.sendto(b"x", (host, pair.rtp_port))
            _, source = pair.rtp.recvfrom(9)
            assert source[:2] == pair.towards(other.getsockname())
    pool.close()


def test_the_range_exhausted_is_said_and_changes_nothing(pool: Pool) -> None:
    for _ in range(pool.capacity):
        pool.lease()
    with pytest.raises(NoPorts, match="10 in use"):
        pool.lease()
    assert pool.in_use == 10


def test_ports_that_other_programs_have_are_told_apart_from_our_own() -> None:
    theirs, ours = Pool(), Pool()
    for _ in range(theirs.capacity):
        theirs.lease()
    with pytest.raises(NoPorts, match="0 in use, 0 draining, 10 with other programs"):
        ours.lease()
    theirs.close()


def test_a_released_pair_stays_bound_while_it_drains(pool: Pool) -> None:
    pair = pool.lease()
    pool.release(pair, pool.now)
    assert (pool.in_use, pool.draining) == (0, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", pair.rtp_port))
    pool.reap(29.9)
    assert pool.draining == 1
    pool.reap(30.0)
    assert pool.draining == 0
    assert pair.rtp.fileno() == -1


def test_a_draining_pair_is_not_leased_until_it_has_drained(pool: Pool) -> None:
    pairs = [pool.lease() for _ in range(pool.capacity)]
    pool.release(pairs[3], pool.now)
    with pytest.raises(NoPorts, match="1 draining"):
        pool.lease()
    pool.now = 30.0
    assert pool.lease().rtp_port == pairs[3].rtp_port


def test_numbers_are_used_in_turn_not_again_at_once(pool: Pool) -> None:
    first = pool.lease()
    pool.release(first, pool.now)
    pool.now = 100.0
    assert [pool.lease().rtp_port for _ in range(9)] == [LOW + 2 * n for n in range(1, 10)]


def test_a_pair_released_twice_is_released_once(pool: Pool) -> None:
    pair = pool.lease()
    pool.release(pair, pool.now)
    pool.release(pair, pool.now)
    assert pool.draining == 1


def test_a_port_another_program_has_is_passed_over(pool: Pool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", LOW + 1))
        assert pool.lease().rtp_port == LOW + 2
    assert pool.in_use == 1


def test_an_address_that_is_not_ours_is_said_by_name() -> None:
    pool = Pool(address="203.0.113.1")
    with pytest.raises(NoPorts, match=r"203\.0\.113\.1"):
        pool.lease()


def test_a_leased_pair_is_claimed_by_its_number(pool: Pool) -> None:
    pair = pool.lease()
    assert pool.claim(pair.rtp_port) is pair
    with pytest.raises(KeyError):
        pool.claim(pair.rtp_port + 2)


def test_voice_is_marked_for_expedited_forwarding(pool: Pool) -> None:
    assert pool.lease().rtp.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) >> 2 == 46


def test_close_unbinds_everything(pool: Pool) -> None:
    used, drained = pool.lease(), pool.lease()
    pool.release(drained, pool.now)
    pool.close()
    assert used.rtp.fileno() == drained.rtp.fileno() == -1
    assert (pool.in_use, pool.draining) == (0, 0)


def test_ipv6_pairs_are_bound_too() -> None:
    pool = Pool(address="::1")
    try:
        pair = pool.lease()
    except NoPorts as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
    assert pair.rtp.family == socket.AF_INET6
    pool.close()
