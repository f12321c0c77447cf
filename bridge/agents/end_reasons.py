"""Why Ultravox says that its side of a call ended: asked for once the call is over.

Nothing waits for it: the legs are down by then, the journal's line is written. The answer goes into
the journal's database and the API a moment later.
"""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from bridge.agents.talk import Talk
from bridge.background import Background
from bridge.call import Call
from bridge.errors import AgentError

__all__ = ["EndReasons"]

log = logging.getLogger("bridge.agent")

PAUSES_S = (0.5, 2.0, 6.0, 20.0)
"""Before each time that is asked: Ultravox settles a call only after its socket has closed."""
AT_ONCE = 4
"""Calls that are asked about at the same time, so that calls to come are created undisturbed."""
WAITING = 1000
"""Calls that may wait to be asked about; of more nothing is asked."""
LONGEST = 64
"""Characters of a reason that are kept."""


class Source(Protocol):
    """Who knows: Ultravox's REST API."""

    async def end_reason(self, call_id: str) -> str | None:
        """Why an Ultravox call ended; None while it goes on. Raises AgentError."""


class EndReasons:
    """Asks, in the background; an async context manager that stops asking at its exit."""

    def __init__(self, source: Source, *, tell: Callable[[Call], None]) -> None:
        """`tell` is told of a call once more is known of it."""
        self._source = source
        self._tell = tell
        self._background = Background()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def __aenter__(self) -> "EndReasons":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._background.finish(0)

    def ask(self, call: Call) -> None:
        """Ask about the agents of a call that is over."""
        asked = [talk for talk in call.talks if talk.ultravox_call_id and not talk.end_reason]
        if asked and self._waiting < WAITING:
            self._waiting += 1
            self._background.spawn(self._ask(call, asked), name=f"end reason of {call.id}")

    async def _ask(self, call: Call, talks: list[Talk]) -> None:
        try:
            for pause_s in PAUSES_S:
                await asyncio.sleep(pause_s)
                async with self._turns:
                    for talk in talks:
                        talk.end_reason = await self._of(talk)
                talks = [talk for talk in talks if talk.end_reason is None]
                if not talks:
                    break
        finally:
            self._waiting -= 1
        if any(talk.end_reason for talk in call.talks):
            self._tell(call)

    async def _of(self, talk: Talk) -> str | None:
        try:
            reason = await self._source.end_reason(talk.ultravox_call_id)
        except AgentError as error:
            log.debug("= why an Ultravox call ended is not known: %s", error)
            return None
        return None if reason is None else reason[:LONGEST]
