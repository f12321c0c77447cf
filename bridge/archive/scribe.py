"""A thread that does what may stall, such as writing to a disk, one job after the other."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Scribe"]

T = TypeVar("T")

_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Scribe:
    """Does jobs in order on a thread of its own; up to `capacity` of them wait.

    The thread is a daemon: a disk that never comes back keeps no process alive.
    """

    def __init__(self, name: str, *, capacity: int) -> None:
        self.pending = 0
        """Jobs that are not done yet."""
        self._capacity = capacity
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def do(self, job: Callable[[], T]) -> "asyncio.Future[T] | None":
        """Queue `job`; its result or exception comes as a future. None where too many wait."""
        if self.pending >= self._capacity:
            return None
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self.pending += 1
        done.add_done_callback(self._count)
        self._jobs.put((job, done, loop))
        return done

    async def close(self, timeout_s: float) -> bool:
        """Do what is queued, then leave; whether that was possible in `timeout_s`."""
        if not self._thread.is_alive():
            return True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join, timeout_s)
        # What was done last is told to this loop by a callback that has still to run.
        await asyncio.sleep(0)
        return not self._thread.is_alive()

    def _count(self, _: "asyncio.Future[Any]") -> None:
        self.pending -= 1

    def _work(self) -> None:
        while (each := self._jobs.get()) is not None:
            job, done, loop = each
            try:
                result = job()
            except Exception as error:
                self._tell(loop, _fail, done, error)
            else:
                self._tell(loop, _succeed, done, result)

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop,
        how: Callable[[asyncio.Future[Any], Any], None],
        done: asyncio.Future[Any],
        what: object,
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(how, done, what)


def _succeed(done: asyncio.Future[Any], result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
