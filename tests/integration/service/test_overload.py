"""The process fares badly: new calls are refused everywhere, and those alive go on."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import pytest
import pytest_asyncio

from bridge import pulse
from bridge.admission import Reading, State
from tests.support.caller import Phone
from tests.support.service import Bridge, ended, offer, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = {"admission": {"max_late_ms": 4, "max_busy_percent": 85}}


@pytest_asyncio.fixture(loop_scope="module")
async def guarded(tmp_path: Path) -> AsyncIterator[Bridge]:
    """A bridge with the limits of a real one, whose readings are given by the test alone."""
    with mock.patch.object(pulse, "READING_S", 3600.0):
        async with running(tmp_path, LIMITS) as bridge:
            yield bridge


def fare(bridge: Bridge, *, late_s: float = 0.0, busy: float = 0.3, times: int = 1) -> None:
    for _ in range(times):
        bridge.service._fared(Reading(late_s=late_s, busy=busy, calls=50))


async def options(phone: Phone, bridge: Bridge, code: int) -> str:
    """Ask by OPTIONS, expecting `code`; the answer's Retry-After."""
    call = await phone.invite(bridge.address, "", user="nobody")
    await call.expect(503 if code == 503 else 404)
    call.send("OPTIONS")
    return (await call.expect(code))["Retry-After"]


async def test_an_overloaded_bridge_says_so_to_all_who_ask_and_keeps_its_calls(
    guarded: Bridge, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    async with phone.call(guarded.address, user="echo", pitch=1050) as alive:
        with caplog.at_level(logging.WARNING, "bridge.admission"):
            fare(guarded, late_s=0.009, times=2)
        assert caplog.messages == [
            "= admission closed with 50 calls: audio is 9.0 ms late on average"
        ]

        refusal = await (await offer(phone, guarded, user="silent")).expect(503)
        assert int(refusal["Retry-After"]) > 0
        assert int(await options(phone, guarded, 503)) > 0
        async with guarded.api.get("/readyz") as ready:
            told = await ready.json()
            assert (ready.status, told["reasons"]) == (
                503,
                ["overloaded: audio is 9.0 ms late on average"],
            )
        order = {"to": "1", "agent": "silent"}
        async with guarded.api.post("/v1/calls", json=order) as response:
            assert response.status == 503
            assert (await response.json())["error"] == "overloaded"
            assert int(response.headers["Retry-After"]) > 0

        metrics = await guarded.metrics()
        refused = metrics["bridge_refused_total"]
        assert refused + metrics.get(ended("server_error", "overloaded"), 0) == 2
        assert metrics['bridge_admission{state="closed"}'] == 1
        assert metrics["bridge_overloads_total"] == 1
        assert metrics["bridge_late_seconds"] == 0.009
        await alive.line.speech()
        assert alive.bye is None

        fare(guarded, times=2)
        assert guarded.service.admission.state is State.RETURNING
        assert guarded.service.unready() == []
        async with phone.call(guarded.address, user="silent"):
            await options(phone, guarded, 200)
        async with phone.call(guarded.address, user="silent"):
            assert guarded.service.unready() == [
                "overloaded: after an overload 2 calls at a time are taken"
            ]
            assert await options(phone, guarded, 503)
            fare(guarded)
            assert guarded.service.unready() == []
    await guarded.idle()


async def test_readings_are_taken_from_the_process_itself(tmp_path: Path) -> None:
    async with running(tmp_path, LIMITS) as bridge:
        taken: list[Reading] = []
        with mock.patch.object(bridge.service.admission, "read", taken.append):
            while not taken:
                await bridge.get("/readyz")
        assert taken[0].busy > 0
