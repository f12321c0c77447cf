"""Work that outlives the call that began it, such as taking leave of an agent nobody joined."""

import asyncio
import logging
from collections.abc import Coroutine

__all__ = ["Background"]

log = logging.getLogger("bridge.background")


class Background:
    """Owns tasks nobody waits for: keeps them alive, logs their failures, ends them at exit."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None], *, name: str) -> None:
        """Run `work` on its own."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def finish(self, timeout: float) -> None:
        """Give what is left `timeout` seconds, then cancel it."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("= %s failed", task.get_name(), exc_info=error)
