"""Ultravox calls that nobody knows of, for the answer that told of them was lost: found, and left.

    POST, marked in its metadata ---x  no answer, or none in time
    ... GET /calls?metadata.MARK=... --> a call that nobody has joined --> left

Ultravox has no idempotency key, so each POST gets a mark of its own. Left alone a stray holds one
of the account's calls at once until its joinTimeout: 30 s, and more where a phone rings.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

__all__ = ["MARK", "Strays", "marked"]

log = logging.getLogger("bridge.ultravox.api")

MARK: Final = "uvbridge_request"
"""The key of the marks in a call's metadata."""
PAUSES_S = (2.0, 6.0, 12.0)
"""Before each time that is asked, until one is found; after that most end by themselves."""
AT_ONCE = 4
"""Requests for strays at the same time, so that calls to come are created undisturbed."""
WAITING = 100
"""Requests whose strays are sought; of more nothing is asked."""

List = Callable[[Mapping[str, str]], Awaitable[Mapping[str, Any] | None]]
"""Asks for the calls that a filter lets through; None where there is no answer."""


def marked(
    body: Mapping[str, Any], query: Mapping[str, str] | None
) -> tuple[Mapping[str, Any], str | None]:
    """The body of a POST with a new mark, and the mark; None where it takes none.

    A call that goes on from another (priorCallId) has that one's metadata, which a mark would
    replace.
    """
    metadata = body.get("metadata") or {}
    if "priorCallId" in (query or {}) or not isinstance(metadata, Mapping):
        return body, None
    mark = secrets.token_hex(8)
    return {**body, "metadata": {**metadata, MARK: mark}}, mark


class Strays:
    """Seeks the strays of marked requests, in the background."""

    def __init__(self, ask: List, *, leave: Callable[[str], Awaitable[None]]) -> None:
        """`leave` joins a call by its URL and leaves it, which ends it."""
        self._ask = ask
        self._leave = leave
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._seeking: dict[str, asyncio.Task[None]] = {}

    def seek(self, mark: str | None) -> None:
        """Look for what came of the request with this mark."""
        if mark is None or mark in self._seeking or len(self._seeking) >= WAITING:
            return
        task = asyncio.create_task(self._seek(mark), name=f"seek the call of {mark}")
        self._seeking[mark] = task
        task.add_done_callback(lambda _: self._seeking.pop(mark, None))

    def forget(self, mark: str | None) -> None:
        """An answer has come after all."""
        if mark is not None and (task := self._seeking.get(mark)) is not None:
            task.cancel()

    async def close(self) -> None:
        """Seek no more."""
        tasks = list(self._seeking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _seek(self, mark: str) -> None:
        for pause_s in PAUSES_S:
            await asyncio.sleep(pause_s)
            async with self._turns:
                listed = await self._ask({f"metadata.{MARK}": mark})
            strays = list(_unjoined(listed, mark))
            for join_url in strays:
                log.info("= a call whose creation was not answered is ended")
                await self._leave(join_url)
            if strays:
                return


def _unjoined(listed: Mapping[str, Any] | None, mark: str) -> Iterator[str]:
    """The join URLs of listed calls with this mark.

    The mark is looked at again: a server that does not know the filter lists all there are.
    """
    results = (listed or {}).get("results")
    for call in results if isinstance(results, list) else []:
        if not isinstance(call, dict) or not isinstance(call.get("metadata"), dict):
            continue
        join_url = call.get("joinUrl")
        over = call.get("joined") or call.get("ended")
        if call["metadata"].get(MARK) == mark and isinstance(join_url, str) and not over:
            yield join_url
