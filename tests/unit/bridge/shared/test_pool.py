from collections.abc import Hashable

from bridge.shared.pool import Kind, Pool


def pool_of(alive: set[Hashable]) -> Pool:
    return Pool(kind=Kind.AGENT, name="reception", limit=2, alive=lambda: alive)


def test_whoever_is_let_in_takes_one_place_however_often_it_asks() -> None:
    pool = pool_of({"one", "two"})
    assert [pool.enter("one"), pool.enter("one"), pool.enter("two")] == [1, 1, 2]
    assert pool.taken == 2


def test_the_place_of_whoever_is_gone_is_free_again() -> None:
    alive: set[Hashable] = {"one", "two"}
    pool = pool_of(alive)
    pool.enter("one")
    pool.enter("two")
    alive.discard("one")
    assert pool.taken == 1
    assert pool.enter("two") == 1


def test_whoever_is_alive_and_was_not_let_in_takes_no_place() -> None:
    pool = pool_of({"one", "asking"})
    pool.enter("one")
    pool.enter("asking")
    pool.leave("asking")
    assert pool.taken == 1
