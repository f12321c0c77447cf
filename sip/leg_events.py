"""The events of one leg as its user reads them, and as the log shows them."""

import asyncio
from collections.abc import AsyncIterator

from sip.events import Ended, LegEvent, MediaNegotiated, ReferProgress, Ringing

__all__ = ["LegEvents", "brief"]


class LegEvents:
    """The events of one leg, in order; the iteration ends after ``Ended``."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._over = False

    def put(self, event: LegEvent) -> None:
        """Add one, on the loop's thread."""
        self._queue.put_nowait(event)

    def __aiter__(self) -> AsyncIterator[LegEvent]:
        return self

    async def __anext__(self) -> LegEvent:
        if self._over:
            raise StopAsyncIteration
        event = await self._queue.get()
        self._over = isinstance(event, Ended)
        return event


def brief(event: LegEvent) -> str:
    """An event for the log: no digits, no SDP."""
    match event:
        case Ringing(code=code, early_media=early):
            return f"ringing {code}{' with early media' if early else ''}"
        case MediaNegotiated(media=media):
            return f"media {media.encoding} {media.direction} ptime {media.ptime}"
        case ReferProgress(code=code, reason=reason, final=final):
            return f"transfer {code} {reason}{', final' if final else ''}"
        case Ended(code=code, reason=reason, remote=remote):
            return f"ended {code} {reason} by {'them' if remote else 'us'}"
        case _:
            return type(event).__name__.lower()
