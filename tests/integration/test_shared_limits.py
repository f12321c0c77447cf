"""Limits that several bridges share, on a real Redis."""

import asyncio
import contextlib
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Set

import pytest
from pydantic import SecretStr

from bridge.config import SharedConfig
from bridge.errors import AgentFull, Full
from bridge.shared.limits import Answer, SharedLimits
from bridge.shared.pool import Kind
from tests.support.redis_server import RedisServer, needs_redis
from tests.support.waiting import PATIENCE_S, until

pytestmark = needs_redis


class Alive(set[Hashable]):
    """The calls of one bridge, all of them with one agent and on one trunk."""

    def of(self, _kind: Kind, _name: str) -> Set[Hashable]:
        return self


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with RedisServer() as server:
        yield server


def sharing(redis: RedisServer, **fields: object) -> SharedConfig:
    defaults = {"agents": {"reception": 3}, "trunks": {"carrier": 3}, "lease_s": 3}
    return SharedConfig.model_validate({"redis": SecretStr(redis.url), **defaults, **fields})


async def enter(limits: SharedLimits, alive: Alive, *names: str) -> list[str]:
    """Which of these calls are let in to the agent."""
    found = []
    for name in names:
        alive.add(name)
        try:
            await limits.enter_agent("reception", name)
            found.append(name)
        except AgentFull:
            alive.discard(name)
    return found


async def let_in(limits: SharedLimits, alive: Alive, *names: str) -> None:
    """Ask until all of these are in: the others tell within a quarter of a second."""
    async with asyncio.timeout(PATIENCE_S):
        while await enter(limits, alive, *names) != [*names]:  # noqa: ASYNC110 - it is in Redis
            await asyncio.sleep(0.05)


async def test_two_bridges_have_as_many_calls_as_one_may(redis: RedisServer) -> None:
    ours, theirs = Alive(), Alive()
    async with (
        SharedLimits(sharing(redis), alive=ours.of) as here,
        SharedLimits(sharing(redis), alive=theirs.of) as there,
    ):
        assert await enter(here, ours, "a", "b") == ["a", "b"]
        assert await enter(there, theirs, "c", "d") == ["c"]
        assert there.answers == {Answer.GRANTED: 1, Answer.REFUSED: 1}
        ours.discard("a")
        here.changed()
        await let_in(there, theirs, "d")
        assert await enter(there, theirs, "e") == []


async def test_places_that_are_free_again_at_once_are_told_long_before_the_lease_is_over(
    redis: RedisServer,
) -> None:
    ours, theirs, config = Alive(), Alive(), sharing(redis, lease_s=3600)
    async with (
        SharedLimits(config, alive=ours.of) as here,
        SharedLimits(config, alive=theirs.of) as there,
    ):
        for _ in range(3):  # whatever the renewal is just about
            assert await enter(here, ours, "a", "b", "c") == ["a", "b", "c"]
            ours.clear()
            here.changed()
            await let_in(there, theirs, "d")
            theirs.clear()
            there.changed()
            await let_in(here, ours, "a", "b", "c")


async def test_the_last_place_is_given_once_however_many_ask_at_once(redis: RedisServer) -> None:
    bridges = [Alive() for _ in range(4)]
    async with contextlib.AsyncExitStack() as exits:
        limits = [
            await exits.enter_async_context(SharedLimits(sharing(redis), alive=each.of))
            for each in bridges
        ]
        asked = [
            enter(one, alive, f"{number} {turn}")
            for number, (one, alive) in enumerate(zip(limits, bridges, strict=True))
            for turn in range(3)
        ]
        let_in = [name for found in await asyncio.gather(*asked) for name in found]
    assert len(let_in) == 3


async def test_a_bridge_that_says_nothing_more_gives_its_places_back(redis: RedisServer) -> None:
    ours, theirs = Alive(), Alive()
    killed = SharedLimits(sharing(redis), alive=theirs.of)  # not entered: it never renews anything
    assert await enter(killed, theirs, "a", "b", "c") == ["a", "b", "c"]
    assert killed._store is not None
    await killed._store.close()
    async with SharedLimits(sharing(redis), alive=ours.of) as here:
        assert await enter(here, ours, "d") == []
        await asyncio.sleep(4.2)  # the lease, in whole seconds of the server
        assert await enter(here, ours, "d") == ["d"]


async def test_a_bridge_that_leaves_gives_its_places_back_at_once(redis: RedisServer) -> None:
    ours, theirs = Alive(), Alive()
    async with SharedLimits(sharing(redis), alive=ours.of) as here:
        async with SharedLimits(sharing(redis), alive=theirs.of) as there:
            assert await enter(there, theirs, "a", "b", "c") == ["a", "b", "c"]
            assert await enter(here, ours, "d") == []
        assert await enter(here, ours, "d") == ["d"]


async def test_a_trunk_counts_those_that_come_in_and_refuses_only_those_that_go_out(
    redis: RedisServer,
) -> None:
    alive = Alive()
    async with SharedLimits(sharing(redis), alive=alive.of) as limits:
        for name in "abcd":
            alive.add(name)
            await limits.enter_trunk("carrier", name, force=True)
        alive.add("e")
        with pytest.raises(Full):
            await limits.enter_trunk("carrier", "e")
        await limits.enter_trunk("other", "e")  # which has no limit


async def test_without_redis_calls_go_on_by_their_own_limits_and_it_is_told_once(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loop, alive = asyncio.get_running_loop(), Alive()
    # Though nothing is renewed for long, it is soon found again.
    async with SharedLimits(sharing(redis, lease_s=3600), alive=alive.of) as limits:
        assert await enter(limits, alive, "a", "b", "c", "d") == ["a", "b", "c"]
        redis.process.send_signal(signal.SIGSTOP)  # it takes what is sent, and says nothing
        began = loop.time()
        assert await enter(limits, alive, *"efgh") == [*"efgh"]
        assert loop.time() - began < 1.0  # one waited, the others knew
        assert limits.reached is False
        assert limits.answers[Answer.UNKNOWN] == 4
        redis.process.send_signal(signal.SIGCONT)
        await until(lambda: limits.reached is True)
        # All those alive count again: nobody is let in beside them.
        assert await enter(limits, alive, "i") == []

        await redis.stop()
        assert await enter(limits, alive, "j") == ["j"]
        await redis.start()  # empty
        await until(lambda: limits.reached is True)
        assert await enter(limits, alive, "k") == []
    told = Counter(record.message.split(":")[0] for record in caplog.records)
    assert told == {"= shared limits hold": 3, "= shared limits cannot be had": 2}


async def test_calls_that_would_count_may_be_refused_without_redis(redis: RedisServer) -> None:
    alive = Alive()
    await redis.stop()
    async with SharedLimits(sharing(redis, without="refuse"), alive=alive.of) as limits:
        assert await enter(limits, alive, "a") == []
        await limits.enter_trunk("carrier", "in", force=True)
        with pytest.raises(Full):
            await limits.enter_trunk("carrier", "out")
        await limits.enter_agent("another", "a")  # which has no limit
