"""The tools' process: your code and MCP's run here, where nothing that they do can be heard.

Threads beside the audio would share its interpreter: one that computes takes a third of the
audio's ticks away (20 calls), and one that computes in C stops it. So the process of the calls
only asks, over a socket, and times out by its own clock.

    ─ load ──> functions are imported, MCP servers joined       <── loaded, offer ─
    ─ call ──> one is used: async ones on the loop, plain ones in a thread   <── answer ─
    ─ cancel, over ──>                           a tool wants something of the call   <── ask ─

This process ends when the socket does.
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

from bridge import logs
from bridge.tools.answers import Urgency
from bridge.tools.catalogue import Catalogue
from bridge.tools.context import ToolContext
from bridge.tools.frames import FrameSocket
from bridge.tools.hostchannel import HostChannel, Questions
from bridge.tools.mcp import McpServers
from bridge.tools.results import Kind, ToolResult, failure, result_of
from bridge.tools.signature import Unsupported
from bridge.tools.workers import Workers, run, told

__all__ = ["Host", "main"]

log = logging.getLogger("bridge.tools")

NICENESS = 5
"""Tools that compute give way to the audio, where both want the same core."""
LEAVE_S = 2.0
"""How long MCP servers may take to be left."""


class Host:
    """Uses tools as it is told to by frames."""

    def __init__(self, socket: FrameSocket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._questions = Questions(socket.send)
        self._catalogue = Catalogue(Path())
        self._servers: McpServers | None = None
        self._workers: Workers
        self._uses: dict[str, asyncio.Task[None]] = {}
        self._followed: dict[str, set[asyncio.Task[None]]] = {}
        """Work that goes on after its tool has answered, by call."""
        self._over = asyncio.Event()

    async def serve(self) -> None:
        """Do what frames ask for, until the socket is closed."""
        threading.Thread(target=self._read, name="frames", daemon=True).start()
        await self._over.wait()
        if self._servers is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._servers.close(), LEAVE_S)

    def _read(self) -> None:
        """Take frames on a thread of their own, so that no tool can keep them from being read."""
        with contextlib.suppress(OSError):
            for frame in self._socket.frames():
                match frame["do"]:
                    case "ping":
                        # By the loop: one that is held up is as good as dead.
                        self._loop.call_soon_threadsafe(self._socket.send, {"is": "pong"})
                    case "reply":
                        self._questions.reply(frame)
                    case _:
                        self._loop.call_soon_threadsafe(self._take, frame)
        self._loop.call_soon_threadsafe(self._over.set)
        threading.Timer(LEAVE_S, os._exit, (0,)).start()

    def _take(self, frame: Mapping[str, Any]) -> None:
        match frame["do"]:
            case "load":
                self._load(frame)
            case "call":
                self._begin(frame)
            case "cancel":
                if (use := self._uses.get(frame["id"])) is not None:
                    use.cancel()
            case "over":
                for work in self._followed.pop(frame["call"], ()):
                    work.cancel()

    def _load(self, frame: Mapping[str, Any]) -> None:
        logs.start(frame["log_level"], frame["log_format"])
        folder = Path(frame["folder"])
        self._catalogue = Catalogue(folder)
        self._catalogue.load(frame["references"])
        self._workers = Workers(
            threads=frame["threads"],
            processes=frame["processes"],
            folder=folder,
            on_stuck=lambda: self._socket.send({"is": "stuck"}),
        )
        self._servers = McpServers(frame["servers"], on_offer=self._offer)
        self._servers.open()
        self._socket.send(
            {
                "is": "loaded",
                "tools": [each.as_json() for each in self._catalogue.hosted],
                "mistakes": self._catalogue.mistakes,
            }
        )

    def _offer(self, server: str, tools: list[Mapping[str, Any]]) -> None:
        self._socket.send({"is": "offer", "server": server, "tools": tools})

    # One use of a tool.

    def _begin(self, frame: Mapping[str, Any]) -> None:
        use = self._loop.create_task(self._use(frame), name=f"tool {frame['tool']}")
        self._uses[frame["id"]] = use
        use.add_done_callback(lambda _: self._uses.pop(frame["id"], None))

    async def _use(self, frame: Mapping[str, Any]) -> None:
        try:
            result = await self._result(frame)
        except asyncio.CancelledError:
            return
        except Exception as error:
            log.exception("= tool %s failed on a fault of the bridge", frame["tool"])
            result = failure(Kind.ERROR, f"the bridge failed: {type(error).__name__}")
        self._socket.send({"is": "answer", "id": frame["id"], "result": result.as_json()})

    async def _result(self, frame: Mapping[str, Any]) -> ToolResult:
        key, arguments = frame["tool"], frame["arguments"]
        if (tool := self._catalogue.functions.get(key)) is None:
            assert self._servers is not None
            return await self._servers.use(key, arguments)
        if tool.options.process:
            return await self._workers.in_process(key, arguments)
        context = self._context(frame["call"])
        if not tool.is_async:
            work = self._workers.in_thread(lambda: run(tool, arguments, context))
            return self._staged(await work, tool.name)
        try:
            value = await tool.function(**tool.arguments(arguments, context))
        except (Exception, SystemExit) as error:
            return told(tool, error)
        return self._staged(result_of(value, name=tool.name), tool.name)

    def _staged(self, result: ToolResult, name: str) -> ToolResult:
        """A result whose new stage names its functions as they are offered."""
        if not result.stage_tools:
            return result
        try:
            tools = tuple(
                each if isinstance(each, str) else self._catalogue.add(each).as_json()
                for each in result.stage_tools
            )
        except (Unsupported, AttributeError) as error:
            return failure(Kind.ERROR, f"{name} began a stage with no tool: {error}")
        return ToolResult(stage=result.stage, stage_tools=tools)

    def _context(self, call: Mapping[str, Any] | None) -> ToolContext | None:
        if call is None:
            return None
        channel = HostChannel(call["id"], self._questions, follow=self._follow)
        headers = {name: tuple(values) for name, values in call["headers"].items()}
        said = tuple(call["transcript"])
        return ToolContext(**{**call, "headers": headers, "transcript": said}, channel=channel)

    def _follow(self, call: str, work: Awaitable[Any], urgency: Urgency) -> None:
        """Tell what `work` comes to; from any thread."""

        def begin() -> None:
            task = self._loop.create_task(self._tell(call, work, urgency), name=f"{call} later")
            followed = self._followed.setdefault(call, set())
            followed.add(task)
            task.add_done_callback(followed.discard)

        self._loop.call_soon_threadsafe(begin)

    async def _tell(self, call: str, work: Awaitable[Any], urgency: Urgency) -> None:
        try:
            result = result_of(await work, name="the work")
        except Exception:
            log.exception("= what a tool was to tell later in call %s failed", call)
            return
        if result.text is not None:
            with contextlib.suppress(Exception):
                channel = HostChannel(call, self._questions, follow=self._follow)
                await channel.request("tell", text=result.text, urgency=urgency)


def main(descriptor: int) -> None:
    """Be the tools' process, on a socket inherited by its number."""
    # These reach the whole group: calls may still go on, and so must their tools.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    asyncio.run(_serve(FrameSocket(descriptor)))
    os._exit(0)  # not held up by threads that never end


async def _serve(socket: FrameSocket) -> None:
    await Host(socket).serve()
