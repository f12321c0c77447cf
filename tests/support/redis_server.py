"""A real Redis for tests, on a Unix socket of its own: nothing is kept, nothing listens on TCP."""

import asyncio
import contextlib
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.waiting import until

__all__ = ["RedisServer", "needs_redis"]

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="Redis (Debian: redis-server) is not installed"
)


class RedisServer:
    """An async context manager; may be stopped, frozen and started again."""

    def __init__(self) -> None:
        self._exits = contextlib.ExitStack()
        self._socket = Path()
        self.process: Process

    @property
    def url(self) -> str:
        """Where it is."""
        return f"unix://{self._socket}"

    async def __aenter__(self) -> Self:
        folder = self._exits.enter_context(tempfile.TemporaryDirectory(prefix="redis-"))
        self._socket = Path(folder) / "redis.sock"
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
        self._exits.close()

    async def start(self) -> None:
        """Run it, empty, and wait until it listens."""
        self._socket.unlink(missing_ok=True)
        self.process = await asyncio.create_subprocess_exec(
            *("redis-server", "--port", "0", "--unixsocket", str(self._socket)),
            *("--save", "", "--appendonly", "no", "--dir", str(self._socket.parent)),
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        await until(self._socket.exists)

    async def stop(self) -> None:
        """Kill it."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
