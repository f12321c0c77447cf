"""Ultravox fails while a caller waits: each failure has its answer and its cause."""

import pytest

from tests.support.caller import Phone
from tests.support.service import Bridge, ended, offer

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = {
    "ultravox": {"timeout_s": 1.5},
    "agents": {
        "no-join-url": {"body": {"joinTimeout": "1s"}},
        "gone": {"join_url": "ws://127.0.0.1:1/calls/x/server_web_socket?token=y"},
        "nonsense": {"join_url": "wss://[::bad/?token=y"},
    },
    "routes": [
        {"to": "*", "header": {"X-Agent": name}, "agent": name}
        for name in ("gone", "error-429", "error-503", "error-500", "error-400", "error-401")
    ]
    + [{"to": name, "agent": name} for name in ("hang", "refuse-join", "no-join-url", "busy-once")],
}


@pytest.mark.parametrize(
    ("agent", "code", "cause"),
    [
        ("error-429", 486, "agent-busy"),
        ("error-503", 503, "agent-unavailable"),
        ("error-500", 503, "agent-unavailable"),
        ("error-400", 503, "agent-refused"),
        ("error-401", 503, "agent-refused"),
        ("gone", 503, "agent-unavailable"),
        ("hang", 503, "agent-timeout"),
        ("refuse-join", 503, "agent-refused"),
        ("no-join-url", 503, "agent-unavailable"),
    ],
)
async def test_an_agent_that_cannot_be_had_is_answered_by_its_cause(
    bridge: Bridge, phone: Phone, agent: str, code: int, cause: str
) -> None:
    sample = ended("upstream_error", cause)
    before = (await bridge.metrics()).get(sample, 0)
    call = await offer(phone, bridge, f"X-Agent: {agent}", user=agent)
    await call.expect(180)
    refusal = await call.expect(code)
    assert "Reason" not in dict(refusal.headers)
    record = await bridge.record()
    assert record["outcome"]["cause"] == cause
    assert record["outcome"]["sip_code"] == code
    assert record["outcome"]["detail"]
    assert "token" not in str(record)
    assert (await bridge.metrics())[sample] == before + 1


async def test_a_busy_ultravox_is_asked_again_when_it_says_so(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="busy-once") as call:
        await call.line.speech()
    metrics = await bridge.metrics()
    assert metrics['bridge_ultravox_requests_total{status="429"}'] >= 1
    assert metrics['bridge_ultravox_requests_total{status="201"}'] >= 1
