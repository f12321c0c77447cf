"""Room for one more call, or not: full, draining, out of ports."""

from pathlib import Path

import pytest

from bridge.call import CallState
from deploy.ports import free_port, free_ports
from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.service import Bridge, ended, offer, running
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refused(bridge: Bridge, cause: str) -> float:
    """INVITEs refused so far, on the SIP thread or behind it."""
    metrics = await bridge.metrics()
    return metrics["bridge_refused_total"] + metrics.get(ended("server_error", cause), 0)


async def test_one_call_too_many_gets_503_with_retry_after(tmp_path: Path, phone: Phone) -> None:
    async with running(tmp_path, {"sip": {"max_calls": 2}}) as bridge:
        async with (
            phone.call(bridge.address, user="silent") as one,
            phone.call(bridge.address, user="silent"),
        ):
            await until(lambda: len(bridge.service.calls) == 2)
            async with bridge.api.get("/readyz") as ready:
                assert ready.status == 503
                assert [each[:4] for each in (await ready.json())["reasons"]] == ["full"]
            call = await offer(phone, bridge, user="silent")
            refusal = await call.expect(503)
            assert int(refusal["Retry-After"]) > 0
            await one.hang_up()
            await until(lambda: len(bridge.service.calls) == 1)
            async with phone.call(bridge.address, user="silent"):
                pass
        await bridge.idle()
        assert await refused(bridge, "full") == 1


async def test_a_draining_service_refuses_new_calls_and_keeps_those_it_has(
    tmp_path: Path, phone: Phone
) -> None:
    async with running(tmp_path) as bridge:
        async with phone.call(bridge.address, user="echo", pitch=1050) as call:
            await bridge.post("/v1/drain")
            other = await offer(phone, bridge, user="silent")
            assert int((await other.expect(503))["Retry-After"]) > 0
            async with bridge.api.get("/readyz") as ready:
                assert ready.status == 503
                assert [each[:8] for each in (await ready.json())["reasons"]] == ["draining"]
            async with bridge.api.get("/healthz") as healthy:
                assert healthy.status == 200
            await call.line.speech()
            assert call.bye is None
        await bridge.idle()
        assert await refused(bridge, "draining") == 1


async def test_a_port_pair_rests_before_its_next_call_and_without_another_that_gets_503(
    tmp_path: Path, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_ports(2)
    change = {"sip": {"max_calls": 1}, "media": {"ports": f"{port}-{port + 1}"}}
    async with running(tmp_path, change) as bridge:
        async with phone.call(bridge.address, user="silent"):
            pass
        await bridge.idle()
        call = await offer(phone, bridge, user="silent")
        assert int((await call.expect(503))["Retry-After"]) > 0
        async with bridge.api.post("/v1/calls", json={"to": "1", "agent": "silent"}) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) > 0
            told = await response.json()
            assert told["error"] == "no-ports"
            assert "1 draining" in told["message"]
        lines = [each.getMessage() for each in caplog.records if "media.ports" in each.getMessage()]
        assert len(lines) == 1
        assert "0 in use, 1 draining" in lines[0]
        assert await refused(bridge, "no-ports") == 1


async def test_a_further_leg_takes_a_place_as_a_call_does(tmp_path: Path, phone: Phone) -> None:
    port = free_port()
    change = {"sip": {"max_calls": 2}, "trunks": {"pbx": {"address": f"sip:127.0.0.2:{port}"}}}
    async with (
        Phone(port=port) as operator,
        running(tmp_path, change) as bridge,
        phone.call(bridge.address, user="silent"),
        Line() as line,
    ):
        ours = await bridge.call()
        await until(lambda: ours.state is CallState.ANSWERED)
        order = {"to": "17", "mode": "bridged"}
        await bridge.post(f"/v1/calls/{ours.id}/transfer", order)
        other = await operator.called()
        assert other.invite is not None
        other.reply(other.invite, "200 OK", body=describe(line))
        await other.expect("ACK")
        await until(lambda: not ours.transfers.under_way)
        async with bridge.api.get("/readyz") as ready:
            assert ready.status == 503
        refused = await offer(phone, bridge, user="silent")
        await refused.expect(503)
        await bridge.post(f"/v1/calls/{ours.id}/transfer", order)
        await until(lambda: len(ours.transfers.results) == 2)
        assert "sip.max_calls" in str(ours.transfers.results[1]["reason"])
        await other.hang_up()
        await until(lambda: not bridge.service.calls)
        async with bridge.api.get("/readyz") as ready:
            assert ready.status == 200
        await bridge.idle()
