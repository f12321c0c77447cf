"""How a call sounded, as the journal and the metrics tell it; audio that goes one way only."""

import asyncio
import logging

import pytest

from bridge.call import Call
from bridge.one_way import OneWayAudio
from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_clean_call_is_rated_in_the_journal_and_the_metrics(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo") as call:
        ours = await bridge.answered()
        await until(lambda: ours.first.stream.stats.received > 20)
        await call.hang_up()
    sound = (await bridge.record())["sound"]
    assert 4.0 < sound["mos"] <= 4.41
    assert sound["mos_remote"] is None
    assert (await bridge.metrics())["bridge_mos_count"] >= 1


async def test_a_call_in_which_nothing_comes_is_told_of_once(
    bridge: Bridge, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    watch = OneWayAudio()
    async with Line() as line:
        call = await phone.invite(bridge.address, describe(line), user="echo")
        await call.expect(200)
        call.ack()
        ours = await bridge.call()
        await until(lambda: "answered" in ours.chronicle.timings)
        now = asyncio.get_running_loop().time()
        with caplog.at_level(logging.WARNING, logger="bridge.one_way"):
            for later in (0, 5, 11, 16):
                await one_more_sent(ours)
                watch.look([ours], now + later)
        await call.hang_up()
    told = [record.getMessage() for record in caplog.records if record.name == "bridge.one_way"]
    assert told == [f"= {ours.id} has audio one way only: we send, and nothing comes"]
    assert watch.calls == 1


async def one_more_sent(call: Call) -> None:
    sent = call.first.stream.stats.sent
    await until(lambda: call.first.stream.stats.sent > sent)
