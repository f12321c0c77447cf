"""Redis, which every bridge tells how many calls it has: the only code that imports its client."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Store", "Unreachable"]

LOOK_S = 5.0
"""The longest that looking for a server takes."""
_TAKE = """
-- KEYS[1] the pool; ARGV: us, our calls with the new one, seconds that this holds, the limit,
-- 1 to tell it in any case
local now = tonumber(redis.call('TIME')[1])
local others = 0
local told = redis.call('HGETALL', KEYS[1])
for i = 1, #told, 2 do
    local calls, till = string.match(told[i + 1], '(%d+) (%d+)')
    if tonumber(till) < now then
        redis.call('HDEL', KEYS[1], told[i])
    elseif told[i] ~= ARGV[1] then
        others = others + tonumber(calls)
    end
end
local ours = tonumber(ARGV[2])
if ARGV[5] ~= '1' and others + ours > tonumber(ARGV[4]) then return {0, others} end
redis.call('HSET', KEYS[1], ARGV[1], ours .. ' ' .. (now + tonumber(ARGV[3])))
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[3]) * 2)
return {1, others}
"""
"""One step, so that two bridges never take the last place both. Times are the server's."""


class Unreachable(Exception):
    """The server did not answer in time, or refused."""


class Store:
    """Counts of calls, by pool and by bridge, each with a time until which it holds."""

    def __init__(self, url: str, *, prefix: str, bridge: str, lease_s: int, timeout_s: float):
        """`bridge` is our name among those who use `prefix`. Raises ValueError for a bad URL."""
        self._prefix = prefix
        self._bridge = bridge
        self._lease_s = lease_s
        self._timeout_s = timeout_s
        self._redis = _client(url)

    async def take(self, key: str, ours: int, *, limit: int, force: bool) -> bool:
        """Tell that we have `ours` calls, where all together are no more than `limit` then.

        With `force` it is told in any case. False: it was not told. Raises Unreachable.
        """
        arguments = (self._bridge, ours, self._lease_s, limit, int(force))
        granted, _ = await self._asked("eval", _TAKE, 1, f"{self._prefix}:{key}", *arguments)
        return bool(granted)

    async def renew(self, key: str, ours: int) -> None:
        """Tell that we have `ours` calls still, whatever the limit. Raises Unreachable."""
        await self.take(key, ours, limit=0, force=True)

    async def leave(self, keys: Iterable[str]) -> None:
        """Tell that we have no calls any more. Raises Unreachable."""
        for key in keys:
            await self._asked("hdel", f"{self._prefix}:{key}", self._bridge)

    @classmethod
    async def look(cls, url: str) -> str:
        """The version of the server there. Raises Unreachable, or ValueError for a bad URL."""
        store = cls(url, prefix="", bridge="", lease_s=0, timeout_s=LOOK_S)
        try:
            told = await store._asked("info", "server")
        finally:
            await store.close()
        return str(told["redis_version"])

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()

    async def _asked(self, command: str, *arguments: str | int) -> Any:
        from redis.exceptions import RedisError  # noqa: PLC0415 - see _client

        try:
            async with asyncio.timeout(self._timeout_s):
                return await getattr(self._redis, command)(*arguments)
        except TimeoutError as error:
            raise Unreachable(f"no answer in {self._timeout_s:g} s") from error
        except (RedisError, OSError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error


def _client(url: str) -> "Redis":
    """A client that is not connected yet. It is imported where it is wanted only: 0.2 s, 20 MB."""
    from redis.asyncio import Redis  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    # Whether to try again is decided by who asks, whom a caller waits for.
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0))
