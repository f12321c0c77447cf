"""Where plain functions run: bounded threads, and processes for those that compute for long.

A thread that never ends cannot be stopped: it is abandoned and counted, and when none is left the
process that holds them is to be replaced.
"""

import asyncio
import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from bridge.configuration import reference
from bridge.tools.answers import ToolError
from bridge.tools.context import ToolContext
from bridge.tools.function import FunctionTool
from bridge.tools.results import (
    Kind,
    ToolResult,
    failure,
    raised,
    refusal,
    result_of,
    trace_of,
)
from bridge.tools.signature import BadArguments

__all__ = ["Workers", "run", "told"]

log = logging.getLogger("bridge.tools")


class Workers:
    """Threads, and processes as soon as one is wanted. `on_stuck` is told when no thread is left.

    `folder` is where a process looks for the modules of its functions.
    """

    def __init__(
        self, *, threads: int, processes: int, folder: Path, on_stuck: Callable[[], None]
    ) -> None:
        self._count = threads
        self._processes = processes
        self._folder = folder
        self._on_stuck = on_stuck
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tool")
        self._pool: ProcessPoolExecutor | None = None
        self._abandoned: dict[str, set[Future[ToolResult]]] = {"thread": set(), "process": set()}

    async def in_thread(self, work: Callable[[], ToolResult]) -> ToolResult:
        """Run `work` in a thread; when this is cancelled, the thread is left to itself."""
        return await self._wait(self._threads.submit(work), "thread", self._count)

    async def in_process(self, key: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Run the function of that reference in a process of its own."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._processes, context, initializer=_prepare, initargs=(list(sys.path),)
            )
        try:
            job = self._pool.submit(_run_reference, key, str(self._folder), dict(arguments))
            return await self._wait(job, "process", self._processes)
        except BrokenProcessPool:
            self._pool = None
            return failure(Kind.ERROR, f"the process of {key} ended before its result")

    async def _wait(self, job: "Future[ToolResult]", kind: str, capacity: int) -> ToolResult:
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            if job.running():
                self._abandon(job, kind, capacity)
            raise

    def _abandon(self, job: "Future[ToolResult]", kind: str, capacity: int) -> None:
        abandoned = self._abandoned[kind]
        abandoned.add(job)
        job.add_done_callback(abandoned.discard)
        if len(abandoned) < capacity:
            return
        if kind == "thread":
            self._on_stuck()
            return
        self._pool = None
        for process in multiprocessing.active_children():
            process.kill()


def run(
    tool: FunctionTool, arguments: Mapping[str, Any], context: ToolContext | None
) -> ToolResult:
    """Use a plain function, here and now."""
    try:
        return result_of(tool.function(**tool.arguments(arguments, context)), name=tool.name)
    except (Exception, SystemExit) as error:
        return told(tool, error)


def told(tool: FunctionTool, error: BaseException) -> ToolResult:
    """What an exception comes to: what the agent can mend it is told, the rest is for the log."""
    if isinstance(error, BadArguments):
        return refusal(f"{tool.name} was not used. {error}. Mend that and use it again.")
    if isinstance(error, ToolError):
        return refusal(str(error) or f"{tool.name} could not do it.")
    failed = raised(tool.name, error)
    log.error("= tool %s\n%s", failed.error, trace_of(error))
    return failed


def _prepare(path: list[str]) -> None:
    sys.path[:] = path
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent is killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run_reference(key: str, folder: str, arguments: dict[str, Any]) -> ToolResult:
    function = reference.find(key, Path(folder))
    return run(FunctionTool(function, ours=ToolContext), arguments, None)
