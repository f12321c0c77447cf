"""What happens in a call and when, kept in order, for whoever wants to follow it."""

import asyncio
import bisect
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CallEvent", "Chronicle"]

CAPACITY = 2000
"""Events kept of one call; the oldest are dropped, so a call of any length stays bounded."""
PASSING_CAPACITY = 200
"""Events that are of use only while they are new, kept for readers who are a little behind."""


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
    passing: bool = False
    """Of use only while it is new: readers who come later may not find it any more."""


class Chronicle:
    """The events of one call; readers follow at their own pace and never slow the call.

    The call begins with it.
    """

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self.timings: dict[str, float] = {}
        """Seconds from the beginning to each step, by the step's name."""
        self._events: list[CallEvent] = []
        self._passing: deque[int] = deque()  # numbers of those that pass
        self._next = 0
        self._closed = False
        self._changed = asyncio.Event()
        self.on_event: Callable[[CallEvent], None] | None = None
        """Told of each event as it is added."""

    @property
    def age(self) -> float:
        """Seconds since the call began."""
        return self._clock() - self._began

    def note(self, kind: str, **fields: Any) -> None:
        """Keep that `kind` happened now, and tell those who follow."""
        self._add(CallEvent(number=self._next, kind=kind, at=self.age, fields=fields))

    def pass_on(self, kind: str, **fields: Any) -> None:
        """Tell those who follow now of something that is soon old, and takes no others' place."""
        event = CallEvent(number=self._next, kind=kind, at=self.age, fields=fields, passing=True)
        self._add(event)

    def reach(self, step: str) -> None:
        """Note when `step` was first reached."""
        if step not in self.timings:
            self.timings[step] = self.age
            self.note(step)

    def _add(self, event: CallEvent) -> None:
        self._next += 1
        self._events.append(event)
        if event.passing:
            self._passing.append(event.number)
            if len(self._passing) > PASSING_CAPACITY:
                del self._events[self._at(self._passing.popleft())]
        if len(self._events) > CAPACITY and self._events.pop(0).passing:
            self._passing.popleft()
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
            while (event := self._from(number)) is not None:
                yield event
                number = event.number + 1
            if self._closed:
                return
            await changed.wait()

    def _from(self, number: int) -> CallEvent | None:
        """The first event kept that has that number, or a later one."""
        at = self._at(number)
        return self._events[at] if at < len(self._events) else None

    def _at(self, number: int) -> int:
        """The place of that event, or of the next one that is kept."""
        return bisect.bisect_left(self._events, number, key=lambda event: event.number)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
