"""Limits of trunks and agents over several bridges: asked when a call is set up, never after."""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Set
from enum import StrEnum
from functools import partial

from bridge.config import SharedConfig
from bridge.errors import AgentFull, Full
from bridge.opening import Opening
from bridge.shared.pool import Kind, Pool
from bridge.shared.store import Store, Unreachable

__all__ = ["Answer", "SharedLimits"]

log = logging.getLogger("bridge.shared")

CHANGED_S = 0.25
"""How soon the others are told that places came free."""
AGAIN_S = 1.0
"""How often a server that cannot be reached is tried again."""
RENEWALS = 3
"""Times that a lease is renewed before it would be over."""


class Answer(StrEnum):
    """What became of asking for a place."""

    GRANTED = "granted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The server could not be reached: what `shared.without` says holds."""


class SharedLimits(Opening):
    """Asks for places, and keeps telling how many are taken: an async context manager.

    Without `shared.redis` it lets everybody in, and does nothing.
    """

    def __init__(
        self, config: SharedConfig, *, alive: Callable[[Kind, str], Set[Hashable]]
    ) -> None:
        """`alive` are the legs of a trunk, or the calls of an agent, of this bridge now."""
        super().__init__()
        self._config = config
        self.reached: bool | None = None
        """Whether the server answers; None where there is none, or it was not asked yet."""
        self.answers: Counter[Answer] = Counter()
        self._pools: dict[tuple[Kind, str], Pool] = {}
        self._store: Store | None = None
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()
        """What is told later has to be later: each count takes the place of the one before it."""
        if config.redis is None:
            return
        for kind, limits in ((Kind.TRUNK, config.trunks), (Kind.AGENT, config.agents)):
            for name, limit in limits.items():
                self._pools[kind, name] = Pool(
                    kind=kind, name=name, limit=limit, alive=partial(alive, kind, name)
                )
        self._store = Store(
            config.redis.get_secret_value(),
            prefix=config.prefix,
            bridge=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            lease_s=config.lease_s,
            timeout_s=config.timeout_ms / 1000,
        )

    async def _open(self, exits: contextlib.AsyncExitStack) -> None:
        if self._store is not None:
            exits.push_async_callback(self._store.close)
            exits.push_async_callback(self._leave, self._store)
            renewing = asyncio.create_task(self._renew(self._store), name="shared limits")
            exits.callback(renewing.cancel)

    @property
    def pools(self) -> Iterable[Pool]:
        """All that is limited."""
        return self._pools.values()

    def changed(self) -> None:
        """Places may have come free: the others are told soon."""
        self._changed.set()

    async def enter_agent(self, name: str, who: Hashable) -> None:
        """Let a call in with an agent. Raises AgentFull."""
        if not await self._enter(Kind.AGENT, name, who, force=False):
            raise AgentFull(f"agent {name} has all its calls that the bridges share")

    async def enter_trunk(self, name: str, who: Hashable, *, force: bool = False) -> None:
        """Let a leg in on a trunk; `force` counts it in any case. Raises Full."""
        if not await self._enter(Kind.TRUNK, name, who, force=force):
            raise Full(f"trunk {name} carries all its calls that the bridges share")

    async def _enter(self, kind: Kind, name: str, who: Hashable, *, force: bool) -> bool:
        pool = self._pools.get((kind, name))
        if pool is None or self._store is None:
            return True
        async with self._turn:
            answer = await self._ask(self._store, pool, who, force=force)
        self.answers[answer] += 1
        let_in = force or answer is Answer.GRANTED
        if answer is Answer.UNKNOWN:
            let_in = force or self._config.without == "local"
        if not let_in:
            pool.leave(who)
        return let_in

    async def _ask(self, store: Store, pool: Pool, who: Hashable, *, force: bool) -> Answer:
        ours = pool.enter(who)
        if self.reached is False:  # no caller waits for what the renewal finds out
            return Answer.UNKNOWN
        try:
            granted = await store.take(pool.key, ours, limit=pool.limit, force=force)
        except Unreachable as error:
            self._lost(error)
            return Answer.UNKNOWN
        self._found()
        if not granted:
            return Answer.REFUSED
        pool.told = ours
        return Answer.GRANTED

    async def _renew(self, store: Store) -> None:
        """Keep the others told, until cancelled."""
        while True:
            try:
                for pool in self.pools:
                    async with self._turn:
                        taken = pool.taken
                        await store.renew(pool.key, taken)
                        pool.told = taken
            except Unreachable as error:
                self._lost(error)
                await asyncio.sleep(AGAIN_S)
                continue
            self._found()
            await self._rest()

    async def _rest(self) -> None:
        """Wait until the lease is to be renewed, what was told is wrong, or nobody can be told."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._config.lease_s / RENEWALS
        while (left := due - loop.time()) > 0:
            self._changed.clear()
            if self.reached is False or any(pool.taken != pool.told for pool in self.pools):
                await asyncio.sleep(min(left, CHANGED_S))
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    async def _leave(self, store: Store) -> None:
        with contextlib.suppress(Unreachable):
            await store.leave(pool.key for pool in self.pools)

    def _lost(self, error: Unreachable) -> None:
        if self.reached is not False:
            without = "each bridge goes by its own limits"
            if self._config.without == "refuse":
                without = "calls that would count are refused"
            log.warning("= shared limits cannot be had: %s; %s", error, without)
        self.reached = False
        self._changed.set()

    def _found(self) -> None:
        if self.reached is not True:
            log.info("= shared limits hold")
        self.reached = True
