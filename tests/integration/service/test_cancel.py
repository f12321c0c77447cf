"""The caller gives up before the answer."""

import asyncio

import pytest

from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.service import Bridge, offer
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_call_cancelled_while_its_agent_is_made_leaves_no_agent_waiting(
    bridge: Bridge, phone: Phone
) -> None:
    call = await offer(phone, bridge, user="slow")
    await call.expect(180)
    call.cancel()
    await call.expect(200)
    await call.expect(487)
    outcome = (await bridge.record())["outcome"]
    assert (outcome["result"], outcome["cause"]) == ("client_error", "cancelled")
    await until(lambda: any(c.settings.agent.name == "slow" for c in bridge.standin.calls.values()))
    made = [c for c in bridge.standin.calls.values() if c.settings.agent.name == "slow"]
    await until(lambda: all(c.ended for c in made))
    assert [c.end_reason for c in made] == ["hangup"]


async def test_a_cancel_at_any_moment_leaves_nothing_behind(bridge: Bridge, phone: Phone) -> None:
    async def one(call: SipCall, delay: float) -> int:
        await call.expect(100)
        await asyncio.sleep(delay)
        call.cancel()
        final = await call.final()
        if final.code == 200:
            call.ack()
            await call.hang_up()
        return final.code

    async with Line() as line:
        codes = set()
        for batch in range(3):
            calls = [
                await phone.invite(bridge.address, describe(line), user="echo") for _ in range(10)
            ]
            delays = [0.002 * (number + batch / 3) for number in range(10)]
            codes |= set(await asyncio.gather(*map(one, calls, delays)))
    assert 487 in codes
    assert codes <= {200, 487}
    await bridge.idle()
    assert all(c.end_reason == "hangup" for c in bridge.standin.calls.values())
