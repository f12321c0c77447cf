"""Takes the letters of the outbox to one webhook, several at once, those of a call one by one."""

import asyncio
import contextlib
import logging
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp

from bridge import __version__
from bridge.archive import ArchiveError, outbox
from bridge.archive.outbox import Letter
from bridge.configuration.webhooks import WebhookConfig
from bridge.retry_after import retry_after
from bridge.webhooks.backoff import Answer, Backoff, Fate, Verdict
from bridge.webhooks.clock import steady
from bridge.webhooks.signature import signature

__all__ = ["Courier", "Transact"]

log = logging.getLogger("bridge.webhooks")

T = TypeVar("T")

PARALLEL = 8
"""Letters of different calls that are under way to one webhook at once."""
FIRST_WAIT_S = 1.0
"""Before the second try; each further wait is twice as long."""
POLL_S = 5.0
"""How often the outbox is looked into unasked: another process may have written to it."""


class Transact(Protocol):
    """Does work on the database, all or nothing. Raises sqlite3.Error or ArchiveError."""

    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]:
        """The result of `work`, which runs on the journal's thread."""


class Courier:
    """Delivers to one webhook, for as long as `run` runs."""

    def __init__(
        self,
        webhook: WebhookConfig,
        *,
        http: aiohttp.ClientSession,
        transact: Transact,
        fates: Counter[str],
    ) -> None:
        self._webhook = webhook
        self._http = http
        self._transact = transact
        self._fates = fates
        self._backoff = Backoff(first_s=FIRST_WAIT_S, give_up_s=webhook.give_up_h * 3600)
        self._secrets = [
            secret.get_secret_value()
            for secret in (webhook.secret, webhook.former_secret)
            if secret is not None
        ]
        self._host = urlsplit(webhook.url).hostname
        self._timeout = aiohttp.ClientTimeout(total=webhook.timeout_s)
        self.pending = 0
        """Letters that waited when they were last counted, at most `POLL_S` ago."""
        self._count_again = 0.0
        self._under_way: set[int] = set()
        self._awake = asyncio.Event()
        self._leaving = False
        self._failing = False

    def wake(self) -> None:
        """There may be something to deliver."""
        self._awake.set()

    def leave(self) -> None:
        """Let `run` end once nothing is under way and nothing is due."""
        self._leaving = True
        self._awake.set()

    async def run(self) -> None:
        """Deliver what is due, and what becomes due."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._awake.clear()
                more, wait_s = await self._send_out(group)
                if self._leaving and not more:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._awake.wait()

    async def _send_out(self, group: asyncio.TaskGroup) -> tuple[bool, float]:
        """Begin with what is due; whether anything is under way, and when to look again."""
        now = steady()
        try:
            letters, later = await self._transact(lambda connection: self._look(connection, now))
        except (sqlite3.Error, ArchiveError):  # told by the journal, which fails as well
            return bool(self._under_way), POLL_S
        for letter in letters:
            if letter.number in self._under_way or len(self._under_way) >= PARALLEL:
                continue
            self._under_way.add(letter.number)
            group.create_task(self._deliver(letter), name=f"webhook {letter.id}")
        wait_s = POLL_S if later is None else min(POLL_S, later - now)
        return bool(self._under_way), wait_s

    def _look(
        self, connection: sqlite3.Connection, now: float
    ) -> tuple[list[Letter], float | None]:
        """What is due; on the journal's thread."""
        url = self._webhook.url
        if now >= self._count_again:
            self._count_again = now + POLL_S
            self._shed(connection, now)
            self.pending = outbox.count(connection, url)
        return outbox.due(connection, url, now, PARALLEL + len(self._under_way))

    def _shed(self, connection: sqlite3.Connection, now: float) -> None:
        """Give up the oldest letters of an outbox that has grown too large."""
        most = int(self._webhook.keep_mb * 1_000_000)
        if not most:
            return
        gone = outbox.shed(connection, self._webhook.url, most_bytes=most, now=now)
        if gone:
            self._fates["shed"] += len(gone)
            log.error(
                "= webhook %s: the outbox is full, %d letters given up, %s of %s the last of them",
                self._host,
                len(gone),
                gone[-1].event,
                gone[-1].call,
            )

    async def _deliver(self, letter: Letter) -> None:
        answer = await self._try(letter)
        verdict = self._backoff.judge(
            answer,
            tries=letter.tries,
            written=letter.written,
            now=steady(),
            chance=random.random(),  # noqa: S311 - to spread tries, not to hide them
        )
        self._fates[verdict.fate] += 1
        self._tell(letter, answer, verdict)
        await self._file(letter, verdict)
        self._under_way.discard(letter.number)
        self._awake.set()

    async def _try(self, letter: Letter) -> Answer:
        now = time.time()
        body = letter.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"uvbridge/{__version__}",
            "Webhook-Id": letter.id,
            "Webhook-Timestamp": str(int(now)),
            "Webhook-Signature": signature(self._secrets, int(now), body),
        }
        try:
            async with self._http.post(
                self._webhook.url,
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                asked = retry_after(response.headers.get("Retry-After"), now=now)
                return Answer(status=response.status, retry_after_s=asked)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.debug("= webhook %s: %s", self._host, type(error).__name__)
            return Answer(status=None)

    async def _file(self, letter: Letter, verdict: Verdict) -> None:
        """Write down what became of a letter; until then it stays under way, lest it goes twice."""

        def work(connection: sqlite3.Connection) -> None:
            if verdict.fate is Fate.FAILED:
                outbox.postpone(connection, letter, verdict.due)
            else:
                outbox.settle(connection, letter, now)

        now = steady()
        while True:
            try:
                return await self._transact(work)
            except (sqlite3.Error, ArchiveError):
                await asyncio.sleep(POLL_S)

    def _tell(self, letter: Letter, answer: Answer, verdict: Verdict) -> None:
        """Log when a webhook begins to fail and when it works again; the rest at debug."""
        said: Any = "nothing" if answer.status is None else answer.status
        log.debug("> webhook %s %s of %s: %s", self._host, letter.event, letter.call, said)
        failed = verdict.fate is not Fate.DELIVERED
        if failed is not self._failing:
            self._failing = failed
            if failed:
                log.warning("= webhook %s fails: answered %s; tried again", self._host, said)
            else:
                log.info("= webhook %s takes deliveries again", self._host)
        if verdict.fate is Fate.DEAD:
            log.error("= webhook %s: %s of %s given up", self._host, letter.event, letter.call)
