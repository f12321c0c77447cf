from hypothesis import given
from hypothesis import strategies as st

from rtp.playout import Playout


def test_pieces_of_any_size_come_out_in_frames() -> None:
    playout = Playout(100)
    for piece in (b"ab", b"cdefgh", b"ijkl"):
        playout.push(piece)
    assert [playout.pull(4) for _ in range(4)] == [b"abcd", b"efgh", b"ijkl", b""]


@given(
    st.lists(st.binary(max_size=30).filter(lambda piece: len(piece) % 2 == 0)), st.integers(1, 20)
)
def test_nothing_is_lost_or_turned_round(pieces: list[bytes], half: int) -> None:
    playout = Playout(10_000)
    for piece in pieces:
        playout.push(piece)
    pulled = b""
    while playout.depth:
        before = playout.depth
        frame = playout.pull(2 * half)
        assert playout.depth == before - len(frame)
        pulled += frame
    assert pulled == b"".join(pieces)


def test_the_end_of_the_queue_is_given_out_short() -> None:
    playout = Playout(100)
    playout.push(b"abcdef")
    playout.pull(4)
    assert playout.pull(4) == b"ef"


def test_a_full_queue_drops_its_oldest() -> None:
    playout = Playout(8)
    assert playout.push(b"abcdef") == 0
    assert playout.push(b"ghijkl") == 4
    assert playout.pull(8) == b"efghijkl"


def test_a_piece_larger_than_the_queue_leaves_its_end() -> None:
    playout = Playout(4)
    assert playout.push(b"abcdefgh") == 4
    assert playout.pull(8) == b"efgh"


def test_half_a_sample_is_left_out() -> None:
    playout = Playout(100)
    playout.push(b"abc")
    playout.push(b"d")
    playout.push(b"ef")
    assert playout.pull(8) == b"abef"


def test_clear_drops_everything_even_within_a_piece() -> None:
    playout = Playout(100)
    playout.push(b"abcdef")
    playout.pull(2)
    assert playout.clear() == 4
    assert playout.clear() == 0
    playout.push(b"gh")
    assert playout.pull(4) == b"gh"


@given(st.integers(0, 8), st.integers(1, 8), st.integers(0, 8))
def test_what_is_given_back_is_pulled_again(before: int, pulled: int, given_back: int) -> None:
    playout = Playout(100)
    speech = bytes(range(24))
    playout.push(speech[:14])
    playout.push(speech[14:])
    playout.pull(2 * before)
    taken = playout.pull(2 * pulled)
    back = taken[len(taken) - min(len(taken), 2 * given_back) :]
    if back:
        playout.put_back(back)
    rest = speech[2 * before + len(taken) - len(back) :]
    assert playout.depth == len(rest)
    assert b"".join(iter(lambda: playout.pull(6), b"")) == rest
