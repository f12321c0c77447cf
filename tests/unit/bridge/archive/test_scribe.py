import asyncio
import threading

import pytest

from bridge.archive.scribe import Scribe


async def test_jobs_are_done_in_order_on_the_scribes_thread() -> None:
    scribe, done = Scribe("the scribe", capacity=10), list[tuple[int, str]]()
    scribe.start()
    for number in range(5):
        scribe.do(lambda n=number: done.append((n, threading.current_thread().name)))  # type: ignore[misc]
    assert await scribe.close(5)
    assert done == [(number, "the scribe") for number in range(5)]
    assert scribe.pending == 0


async def test_a_job_tells_its_result_or_its_exception() -> None:
    scribe = Scribe("scribe", capacity=10)
    scribe.start()
    good, bad = scribe.do(lambda: 7), scribe.do(lambda: 1 // 0)
    assert good is not None
    assert bad is not None
    assert await good == 7
    with pytest.raises(ZeroDivisionError):
        await bad
    assert await scribe.close(5)


async def test_a_stalled_job_lets_no_more_than_the_capacity_wait_and_holds_up_no_exit() -> None:
    scribe, disk = Scribe("scribe", capacity=3), threading.Event()
    scribe.start()
    waits = [scribe.do(disk.wait) for _ in range(4)]
    assert [wait is None for wait in waits] == [False, False, False, True]
    assert not await scribe.close(0.05)
    assert scribe.pending == 3
    disk.set()
    await asyncio.gather(*filter(None, waits))
    assert scribe.pending == 0


async def test_a_scribe_that_never_began_is_closed_at_once() -> None:
    assert await Scribe("scribe", capacity=1).close(5)
