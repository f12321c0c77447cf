"""What a bridge that is started again still knows."""

from pathlib import Path
from typing import Any

import pytest

from deploy.ports import free_port
from tests.support.caller import Phone
from tests.support.service import Bridge, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def send(bridge: Bridge, key: str, to: str) -> tuple[int, Any, bool]:
    """An order with a key: its status, its answer, whether it was carried out before."""
    headers, body = {"Idempotency-Key": key}, {"to": to, "agent": "silent"}
    async with bridge.api.post("/v1/calls", json=body, headers=headers) as response:
        again = "Idempotency-Replayed" in response.headers
        return response.status, await response.json(), again


async def test_an_order_sent_again_after_a_restart_places_no_second_call(tmp_path: Path) -> None:
    port = free_port()
    change = {
        "trunks": {"pbx": {"address": f"sip:127.0.0.2:{port}"}},
        "journal": {"database": "calls.db"},
    }
    async with Phone(port=port) as phone:
        async with running(tmp_path, change) as bridge:
            status, told, again = await send(bridge, "order-1", "17")
            assert (status, again) == (201, False)
            call = await phone.called()
            assert call.invite is not None
            call.reply(call.invite, "486 Busy Here")
            await call.expect("ACK")
            await bridge.idle()
        async with running(tmp_path, change) as bridge:
            assert await send(bridge, "order-1", "17") == (201, told, True)
            status, error, _ = await send(bridge, "order-1", "18")
            assert (status, error["error"]) == (422, "key-reused")
            assert bridge.service.calls == {}
            found = await bridge.get(f"/v1/calls/{told['id']}")
            assert found["outcome"]["cause"] == "busy"
