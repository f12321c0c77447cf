"""Every webhook's courier, while this process is the one that delivers."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

import aiohttp

from bridge.archive.lock import Lock
from bridge.configuration.webhooks import WebhookConfig
from bridge.papers.journal import Journal
from bridge.webhooks import courier
from bridge.webhooks.courier import Courier

__all__ = ["Couriers"]

DRAIN_S = 5.0
"""How long the exit waits for what is due; the rest goes out at the next start."""


class Couriers:
    """Delivers what the journal's outbox holds; an async context manager within the journal's.

    Of several processes with one database a single one delivers, for the order's sake; when it
    goes, another takes over.
    """

    def __init__(self, webhooks: Sequence[WebhookConfig], journal: Journal) -> None:
        self.fates: Counter[str] = Counter()
        """Tries by what became of them, and letters that could not even be written down."""
        self._webhooks = webhooks
        self._journal = journal
        self._couriers: list[Courier] = []
        self._running: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()

    async def __aenter__(self) -> "Couriers":
        """Begin to deliver. Raises OSError where a `ca_file` cannot be read."""
        if self._webhooks:
            contexts = [_context(webhook) for webhook in self._webhooks]
            self._running = asyncio.create_task(self._run(contexts), name="webhooks")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Deliver what is due, for some seconds, then stop."""
        if self._running is None:
            return
        self._leaving.set()
        for each in self._couriers:
            each.leave()
        await asyncio.wait([self._running], timeout=DRAIN_S)
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    @property
    def pending(self) -> int:
        """Letters that wait, as of some seconds ago."""
        return sum(each.pending for each in self._couriers)

    def wake(self) -> None:
        """Something was put into the outbox."""
        for each in self._couriers:
            each.wake()

    async def _run(self, contexts: Sequence[ssl.SSLContext]) -> None:
        database = self._journal.database
        assert database is not None
        lock = Lock(database.with_name(f"{database.name}.couriers"))
        try:
            while not await asyncio.to_thread(lock.take):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(courier.POLL_S):
                        await self._leaving.wait()
                        return
            await self._deliver(contexts)
        finally:
            lock.release()

    async def _deliver(self, contexts: Sequence[ssl.SSLContext]) -> None:
        async with asyncio.TaskGroup() as group:
            for webhook, context in zip(self._webhooks, contexts, strict=True):
                group.create_task(self._serve(webhook, context), name="webhook courier")

    async def _serve(self, webhook: WebhookConfig, context: ssl.SSLContext) -> None:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as http:
            each = Courier(webhook, http=http, transact=self._journal.transact, fates=self.fates)
            self._couriers.append(each)
            if self._leaving.is_set():
                each.leave()
            await each.run()


def _context(webhook: WebhookConfig) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=webhook.ca_file)
