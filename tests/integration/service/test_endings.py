"""What is left of a call that is over: nothing that would have to be looked for."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.caller import Phone
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("user", ["echo", "tool-user"])
async def test_a_call_that_is_over_goes_without_the_garbage_collector(
    bridge: Bridge, phone: Phone, user: str
) -> None:
    """A collection stops all audio for as long as it takes; it must have nothing to do."""
    async with phone.call(bridge.address, user=user) as call:
        ours = await bridge.call()
        assert ours.session is not None
        parts: dict[str, weakref.ref[Any]] = {
            "call": weakref.ref(ours),
            "talk": weakref.ref(ours.talk),
            "party": weakref.ref(ours.first),
            "stream": weakref.ref(ours.stream),
            "session": weakref.ref(ours.session),
            "recorder": weakref.ref(ours.recorder),
        }
        del ours
        if user == "tool-user":
            await call.ended()
        else:
            await call.hang_up()
    await bridge.record()
    await bridge.idle()
    bridge.service._switchboard._recent.clear()
    left: list[str] = []

    def gone() -> bool:
        left[:] = [name for name, part in parts.items() if part() is not None]
        return not left

    try:
        await until(gone, timeout_s=2)
    except TimeoutError:
        pytest.fail(f"left: {left}")
