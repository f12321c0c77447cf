import asyncio

import pytest

from bridge.background import Background


async def test_work_goes_on_until_it_is_done_and_the_exit_waits_for_it() -> None:
    done = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("work")

    background = Background()
    background.spawn(work(), name="work")
    await background.finish(1)
    assert done == ["work"]


async def test_work_without_an_end_is_cancelled_at_the_exit() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    background = Background()
    background.spawn(work(), name="endless")
    await asyncio.sleep(0)
    await background.finish(0)
    assert cancelled.is_set()


async def test_work_that_fails_is_logged_by_its_name_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        raise ValueError("why")

    background = Background()
    background.spawn(work(), name="doomed")
    await background.finish(1)
    (record,) = caplog.records
    assert "doomed" in record.getMessage()
    assert record.exc_info


async def test_without_work_the_exit_does_not_wait() -> None:
    await Background().finish(1000)
