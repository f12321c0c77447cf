"""The tools' process, as the process of the calls sees it: begun, asked, begun again when it ends.

Hosting ── frames over a socket pair ── bridge.tools.host
"""

import asyncio
import contextlib
import itertools
import json
import logging
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.background import Background
from bridge.errors import NotNow
from bridge.tools.answers import ToolError
from bridge.tools.frames import MAX_FRAME, pack, unpack
from bridge.tools.hosted import HostedTool
from bridge.tools.results import Kind, ToolResult, failure
from sip import SipError

__all__ = ["Asked", "HostFailed", "Hosting", "Loaded"]

log = logging.getLogger("bridge.tools")

LOAD_S = 60.0
"""How long the import of your modules may take."""
PING_S, STALLED_S = 5.0, 20.0
"""How often the process is asked whether it lives, and the silence after which it is ended."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Before it is begun again."""
STDERR = 2

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]);"
    "from bridge.tools.host import main; main(int(sys.argv[1]))"
)

Asked = Callable[[str, str, Mapping[str, Any]], Awaitable[Any]]
"""Does what a tool asks of its call: the call's id, what, and with which values."""


class HostFailed(OSError):
    """The tools' process did not begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the process found of what the configuration names."""

    tools: Mapping[str, HostedTool]
    """By reference."""
    mistakes: Mapping[str, str]


class Hosting:
    """The process and all that was asked of it.

    `order` is the frame that tells it what to load; `on_offer` gets an MCP server's key and tools.
    """

    def __init__(
        self,
        order: Mapping[str, Any],
        *,
        on_offer: Callable[[str, list[HostedTool]], None],
        on_ask: Asked,
    ) -> None:
        self._order = {"do": "load", **order}
        self._on_offer = on_offer
        self._on_ask = on_ask
        self._numbers = itertools.count()
        self._pending: dict[str, asyncio.Future[ToolResult]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._process: Process | None = None
        self._heard = 0.0
        self._asking = Background()
        self._life: asyncio.Task[None] | None = None

    async def open(self) -> Loaded:
        """Begin the process and wait until it has loaded. Raises HostFailed."""
        loaded: asyncio.Future[Loaded] = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._live(loaded), name="tools' process")
        try:
            async with asyncio.timeout(LOAD_S):
                return await asyncio.shield(loaded)
        except TimeoutError:
            await self.close()
            raise HostFailed(f"the tools were not loaded within {LOAD_S:g} s") from None

    async def close(self) -> None:
        """End the process."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life
        await self._asking.finish(0)

    async def use(
        self, tool: HostedTool, arguments: Mapping[str, Any], call: Mapping[str, Any] | None
    ) -> ToolResult:
        """Use a tool; when this is cancelled, so is the tool, as far as it can be."""
        if self._writer is None:
            return failure(Kind.ERROR, "the tools' process is being begun again")
        number = str(next(self._numbers))
        answer: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        asked = {"id": number, "tool": tool.key, "arguments": dict(arguments), "call": call}
        self._send({"do": "call", **asked})
        try:
            return await answer
        except asyncio.CancelledError:
            self._send({"do": "cancel", "id": number})
            raise
        finally:
            self._pending.pop(number, None)

    def over(self, call: str) -> None:
        """A call has ended: what its tools were still to tell is wanted no more."""
        self._send({"do": "over", "call": call})

    def _send(self, frame: Mapping[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(pack(frame))

    # Its life.

    async def _live(self, loaded: "asyncio.Future[Loaded]") -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._run(loaded)
            except OSError as error:
                log.error("= the tools' process cannot be begun: %s", error)
            finally:
                await self._end()
            if not loaded.done():
                loaded.set_exception(HostFailed("the tools' process ended while it was loading"))
                return
            lived_s = asyncio.get_running_loop().time() - began
            pause_s = (
                FIRST_PAUSE_S if lived_s > LONGEST_PAUSE_S else min(2 * pause_s, LONGEST_PAUSE_S)
            )
            log.error("= the tools' process ended; it is begun again in %.1f s", pause_s)
            await asyncio.sleep(pause_s)

    async def _run(self, loaded: "asyncio.Future[Loaded]") -> None:
        """Begin it and read what it says until it ends."""
        ours, theirs = socket.socketpair()
        with theirs:
            words = (str(theirs.fileno()), json.dumps(sys.path))
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _PROGRAM, *words),
                pass_fds=(theirs.fileno(),),
                stdin=DEVNULL,
                stdout=STDERR,  # what a tool prints is no business of our output's
            )
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_FRAME)
        self._send(self._order)
        watch = asyncio.create_task(self._watch(), name="tools' process watch")
        try:
            while line := await reader.readline():
                self._heard = asyncio.get_running_loop().time()
                self._take(unpack(line), loaded)
        except (ConnectionError, ValueError) as error:
            log.error("= the tools' process: %s", type(error).__name__)
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        """End a process that does not answer: one of its tools keeps all others waiting."""
        loop = asyncio.get_running_loop()
        self._heard = loop.time() + LOAD_S
        while True:
            await asyncio.sleep(PING_S)
            self._send({"do": "ping"})
            if loop.time() - self._heard > STALLED_S:
                log.error("= the tools' process has not answered for %g s", STALLED_S)
                self._kill()

    async def _end(self) -> None:
        """See that nothing is left of it, and that nobody waits for it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for answer in self._pending.values():
            if not answer.done():
                answer.set_result(failure(Kind.ERROR, "the tools' process ended"))
        self._kill()
        if self._process is not None:
            await self._process.wait()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _take(self, frame: Mapping[str, Any], loaded: "asyncio.Future[Loaded]") -> None:
        match frame["is"]:
            case "answer":
                answer = self._pending.get(frame["id"])
                if answer is not None and not answer.done():
                    answer.set_result(_result(frame["result"]))
            case "ask":
                self._asking.spawn(self._answer(frame), name="tool's question")
            case "offer":
                tools = [HostedTool.read(each) for each in frame["tools"]]
                self._on_offer(frame["server"], tools)
            case "stuck":
                log.error("= every thread of the tools' process is held by a tool without end")
                self._kill()
            case "loaded" if not loaded.done():
                found = {each["key"]: HostedTool.read(each) for each in frame["tools"]}
                loaded.set_result(Loaded(tools=found, mistakes=frame["mistakes"]))

    async def _answer(self, frame: Mapping[str, Any]) -> None:
        reply: dict[str, Any] = {"do": "reply", "number": frame["number"]}
        try:
            reply["value"] = await self._on_ask(frame["call"], frame["what"], frame["values"])
        except (NotNow, ValueError, ToolError, SipError, KeyError, NotImplementedError) as error:
            reply["error"] = str(error) or type(error).__name__
        self._send(reply)


def _result(raw: Mapping[str, Any]) -> ToolResult:
    tools = raw.get("stage_tools")
    return ToolResult(
        **{**raw, "kind": Kind(raw["kind"]), "stage_tools": None if tools is None else tuple(tools)}
    )
