"""What makes a call comfortable: gain of a leg, a greeting that is not cut off."""

import pytest

from tests.support.caller import Phone
from tests.support.pitch import tone
from tests.support.service import Bridge
from tests.support.tones import strength
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = {
    "trunks": {"pbx": {"gain_in_db": -12, "gain_out_db": 6}},
    "agents": {"guarded": {"agent_id": "echo", "greeting_guard_ms": 600}},
    "routes": [{"to": "guarded", "agent": "guarded"}, {"agent": "echo"}],
}


async def test_each_way_of_a_leg_has_its_gain(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        await call.line.speech()
        await call.line.listen(0.1)
        came_back = strength(await call.line.listen(0.3), 1050)
    said = strength(tone(1050, 0, 2400), 1050)
    assert came_back / said == pytest.approx(10 ** (-6 / 20), rel=0.05)


async def test_an_agent_hears_silence_while_its_greeting_is_guarded(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="guarded", pitch=1050) as call:
        ours = await bridge.answered()
        agent = await bridge.agent()
        await until(lambda: "answered" in ours.chronicle.timings)
        first = await call.line.speech()
        began = min(packet.at for packet in call.line.packets)
        assert 0.5 < first.at - began < 1.2
        assert agent.audio.underflows == 0
