"""Gives the events of a call to its scenario: as an iterator, and to functions of its own."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from bridge.call import Call
from bridge.errors import NotNow
from bridge.happenings import Event
from bridge.scenario.blame import blamed

__all__ = ["Listening"]

E = TypeVar("E", bound=Event)

CAPACITY = 2000
"""Events that wait for a scenario that does not fetch them; more drop the oldest."""


class Listening:
    """Who wants to know what. A function that raises ends its call, and no other."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._count = 0
        self._failed = False

    def attach(self, kind: type[E], reaction: Callable[[E], object]) -> None:
        """Call `reaction` with every event of a kind; a coroutine runs beside the call."""

        def listen(event: Event) -> None:
            if isinstance(event, kind):
                self._react(reaction, event)

        self._call.listeners.append(listen)

    def events(self, kinds: tuple[type[E], ...]) -> AsyncIterator[E]:
        """The events of some kinds, from now on."""
        queue: asyncio.Queue[E] = asyncio.Queue()

        def listen(event: Event) -> None:
            if isinstance(event, kinds):
                if queue.qsize() >= CAPACITY:
                    queue.get_nowait()
                queue.put_nowait(event)

        self._call.listeners.append(listen)
        return self._fetched(queue, listen)

    async def _fetched(
        self, queue: asyncio.Queue[E], listen: Callable[[Event], None]
    ) -> AsyncIterator[E]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._call.listeners.remove(listen)

    def _react(self, reaction: Callable[[E], object], event: E) -> None:
        try:
            result = reaction(event)
        except (Exception, SystemExit) as error:
            self._fail(error)
            return
        if inspect.iscoroutine(result):
            self._count += 1
            work = self._finish(result)
            try:
                self._call.spawn(work, name=f"reaction {self._count}")
            except NotNow:  # the call is ending, and nothing new begins
                result.close()

    async def _finish(self, reaction: Coroutine[Any, Any, object]) -> None:
        try:
            await reaction
        except (Exception, SystemExit) as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End the call; what else fails after that is no news."""
        if not self._failed:
            self._failed = True
            self._call.fail(blamed(error, self._call.id))
