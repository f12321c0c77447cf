"""What happens in a call, kept in order, for whoever wants to follow it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CallEvent", "Chronicle"]

CAPACITY = 2000
"""Events kept of one call; the oldest are dropped, so a call of any length stays bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """One thing that happened in a call."""

    number: int
    """Counts from 0 within the call."""
    kind: str
    """ringing, answered, transcript, barge-in, held, resumed, tool, ended, …"""
    at: float
    """Seconds since the call began."""
    fields: dict[str, Any] = field(default_factory=dict)


class Chronicle:
    """The events of one call; readers follow at their own pace and never slow the call."""

    def __init__(self) -> None:
        self._events: list[CallEvent] = []
        self._dropped = 0
        self._closed = False
        self._changed = asyncio.Event()
        self.on_event: Callable[[CallEvent], None] | None = None
        """Told of each event as it is added."""

    def add(self, kind: str, at: float, **fields: Any) -> None:
        """Note that `kind` happened `at` seconds into the call."""
        number = self._dropped + len(self._events)
        event = CallEvent(number=number, kind=kind, at=at, fields=fields)
        self._events.append(event)
        if len(self._events) > CAPACITY:
            del self._events[0]
            self._dropped += 1
        self._wake()
        if self.on_event is not None:
            self.on_event(event)

    def close(self) -> None:
        """Say that nothing more will come; readers end after the last event."""
        self._closed = True
        self._wake()

    async def follow(self, start: int = 0) -> AsyncIterator[CallEvent]:
        """Yield the events from number `start` on, then each new one until the call is over."""
        number = start
        while True:
            changed = self._changed
            number = max(number, self._dropped)
            while number < self._dropped + len(self._events):
                yield self._events[number - self._dropped]
                number = max(number + 1, self._dropped)
            if self._closed:
                return
            await changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
