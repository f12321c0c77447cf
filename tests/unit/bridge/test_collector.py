"""The collector of a process with calls: cycles go, but not while anybody would hear it."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge import collector
from bridge.collector import Collector


class Knot:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.me = self


def old_knot() -> weakref.ref[Knot]:
    """One that has outlived the young collections before it was let go."""
    knot = Knot()
    gc.collect(1)
    return weakref.ref(knot)


class Process:
    """What a collector asks of its process."""

    def __init__(self, calls: int = 0) -> None:
        self.calls = calls
        self.mb = 100.0

    @contextmanager
    def collecting(self) -> Iterator[Collector]:
        async def enter() -> Collector:
            return Collector(lambda: self.calls, resident=lambda: self.mb).__enter__()

        with asyncio.Runner() as runner:
            found = runner.run(enter())
            try:
                yield found
            finally:
                found.__exit__(None, None, None)


def test_garbage_goes_when_no_call_is_alive() -> None:
    with Process().collecting() as found:
        knot = old_knot()
        assert found.look()
        assert knot() is None


def test_garbage_stays_while_a_call_is_alive() -> None:
    with Process(calls=1).collecting() as found:
        knot = old_knot()
        assert not found.look()
        assert knot() is not None


@pytest.mark.parametrize(("grown_mb", "goes"), [(160.0, False), (170.0, True)])
def test_garbage_goes_when_memory_has_grown_beyond_what_calls_take(
    grown_mb: float, goes: bool
) -> None:
    process = Process(calls=100)
    with process.collecting() as found:
        knot = old_knot()
        process.mb += grown_mb
        assert found.look() is goes
        assert (knot() is None) is goes


def test_memory_that_stays_as_high_brings_no_second_collection() -> None:
    process = Process(calls=100)
    with process.collecting() as found:
        process.mb += 170.0
        old_knot()
        assert found.look()
        old_knot()
        assert not found.look()


def test_nothing_is_looked_for_where_nothing_has_outlived_its_youth() -> None:
    with Process().collecting() as found:
        gc.collect()
        assert not found.look()


def test_no_number_of_survivors_brings_a_full_collection_by_itself() -> None:
    def full() -> int:
        return int(gc.get_stats()[2]["collections"])

    with Process(calls=1).collecting():
        before = full()
        survivors = [[number] for number in range(300_000)]
        assert full() == before
    assert len(survivors) == 300_000


def test_young_garbage_goes_as_ever() -> None:
    with Process(calls=1).collecting():
        knots = [weakref.ref(Knot()) for _ in range(10_000)]
        assert sum(knot() is not None for knot in knots) < 2_000


def test_all_is_as_it_was_afterwards() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    with Process().collecting():
        assert gc.get_threshold() != before[0]
        assert gc.get_freeze_count() > before[1]
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_it_is_looked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LOOK_S", 0.001)

    async def story() -> None:
        with Collector(lambda: 0, resident=lambda: 0.0):
            for _ in range(2):
                gone = asyncio.Event()
                knot = Knot()
                gc.collect(1)
                weakref.finalize(knot, gone.set)
                del knot
                async with asyncio.timeout(5):
                    await gone.wait()

    asyncio.run(story())
