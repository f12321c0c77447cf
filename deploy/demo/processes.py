"""The programs that the demo runs, none of which outlives it."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["DemoFailed", "Processes"]

STOP_TIMEOUT_S = 4.0
"""For a program to leave by itself; then it is killed."""
TAIL_LINES = 5
DIE_WITH_US = ("setpriv", "--pdeathsig", "INT", "--")
"""Before a command, from util-linux: it gets a SIGINT even when the demo itself is killed."""


class DemoFailed(Exception):
    """Something that the demo promises did not happen; the message says what."""


class Processes:
    """Starts programs in sessions of their own, so that Ctrl-C reaches only the demo."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, Process] = {}

    async def __aenter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Last started, first stopped: a phone hangs up while the bridge can still hear it.
        try:
            for name in reversed(list(self._running)):
                await self.stop(name)
        finally:
            for process in self._running.values():
                _kill(process)

    async def start(self, name: str, *command: str, env: Mapping[str, str] | None = None) -> None:
        """Run `command`; what it prints goes to the log of that name.

        Raises DemoFailed when there is no such program.
        """
        with self.log(name).open("wb") as log:
            try:
                self._running[name] = await asyncio.create_subprocess_exec(
                    *DIE_WITH_US,
                    *command,
                    stdin=DEVNULL,
                    stdout=log,
                    stderr=STDOUT,
                    env={**os.environ, **(env or {})},
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise DemoFailed(f"{error.filename} is not installed") from None

    async def stop(self, name: str) -> None:
        """End a program: SIGINT, which each takes as an order to hang up and leave."""
        process = self._running.pop(name)
        if process.returncode is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        finally:
            _kill(process)  # also when this wait is what Ctrl-C interrupted

    def check(self, name: str) -> None:
        """See that a program still runs. Raises DemoFailed with its last words otherwise."""
        status = self._running[name].returncode
        if status is not None:
            lines = self.log(name).read_text(errors="replace").strip().splitlines()
            last = " | ".join(lines[-TAIL_LINES:])
            raise DemoFailed(f"{name} ended with status {status}: {last}")

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self._logs / f"{name}.log"


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()
