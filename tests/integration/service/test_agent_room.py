"""Room with an agent, or on a trunk, for one more call: of this bridge, and of all that share."""

from collections.abc import Hashable, Set
from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.config import SharedConfig
from bridge.shared.limits import SharedLimits
from bridge.shared.pool import Kind
from tests.support.caller import Phone
from tests.support.redis_server import RedisServer, needs_redis
from tests.support.service import Bridge, offer, running
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def busy(phone: Phone, bridge: Bridge, user: str) -> None:
    """A call that finds no room."""
    refusal = await (await offer(phone, bridge, user=user)).expect(486)
    assert int(refusal["Retry-After"]) > 0


async def test_an_agent_that_has_all_its_calls_is_busy_and_others_are_not(
    tmp_path: Path, phone: Phone
) -> None:
    change = {"agents": {"silent": {"agent_id": "silent", "max_calls": 1}}}
    async with running(tmp_path, change) as bridge:
        async with phone.call(bridge.address, user="silent"):
            await busy(phone, bridge, "silent")
            outcome = (await bridge.record())["outcome"]
            assert (outcome["cause"], outcome["sip_code"]) == ("full", 486)
            order = {"to": "+15550100", "agent": "silent"}
            async with bridge.api.post("/v1/calls", json=order) as answer:
                assert answer.status == 503
                assert (await answer.json())["error"] == "full"
                assert "Retry-After" in answer.headers
            async with phone.call(bridge.address, user="echo"):
                pass
        await until(lambda: not bridge.service.calls)
        async with phone.call(bridge.address, user="silent"):
            pass
        await bridge.idle()


class Other(set[Hashable]):
    """The calls of another bridge."""

    def of(self, _kind: Kind, _name: str) -> Set[Hashable]:
        return self


@needs_redis
async def test_what_bridges_share_is_full_when_all_of_them_together_are(
    tmp_path: Path, phone: Phone
) -> None:
    async with RedisServer() as redis:
        limits = {"agents": {"silent": 2}, "trunks": {"pbx": 3}}
        shared = {"redis": redis.url, "timeout_ms": 2000, **limits}
        config = SharedConfig.model_validate({**shared, "redis": SecretStr(redis.url)})
        calls = Other({"theirs"})
        async with (
            SharedLimits(config, alive=calls.of) as other,
            running(tmp_path, {"shared": shared}) as bridge,
        ):
            await other.enter_agent("silent", "theirs")
            async with phone.call(bridge.address, user="silent") as ours:
                await busy(phone, bridge, "silent")
                metrics = await bridge.metrics()
                assert metrics['bridge_shared_places_total{answer="refused"}'] == 1
                assert metrics["bridge_shared_reached"] == 1

                # On the trunk there is one place left beside theirs and ours.
                await other.enter_trunk("pbx", "theirs")
                await until(lambda: len(bridge.service.calls) == 1)
                bridge.skip()
                await bridge.post("/v1/calls", {"to": "+15550101", "agent": "echo"})
                await until(lambda: len(bridge.service.calls) == 2)
                await bridge.post("/v1/calls", {"to": "+15550102", "agent": "echo"})
                outcome = (await bridge.record())["outcome"]
                assert outcome["cause"] == "full"
                assert "share" in outcome["detail"]
                await ours.hang_up()
            await bridge.clear()
            calls.clear()
            async with phone.call(bridge.address, user="silent"):
                pass
            await bridge.idle()
