"""The tools that an agent uses on a call: each invocation is answered once, whatever the tool does.

Ultravox freezes the conversation until a result arrives and gives up after the tool's timeout. So
what does not exist is answered at once, and what takes too long a moment before Ultravox gives up.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import NotNow
from bridge.tools.builtin import BuiltIn
from bridge.tools.controls import Controls
from bridge.tools.definition import Definition
from bridge.tools.hosted import HostedTool
from bridge.tools.results import Kind, ToolResult, failure
from bridge.tools.toolbox import Tool
from bridge.tools.usage import Usage
from bridge.tools.wire import client_tool_result
from bridge.ultravox.messages import (
    ClientToolInvocation,
    ClientToolResult,
    HangUp,
    Message,
    Urgency,
)

__all__ = ["Invocations", "UseHosted"]

log = logging.getLogger("bridge.tools")

MARGIN_S = 0.1
"""So much before Ultravox gives up, we do."""
KEPT_ANSWERS = 64
"""Answers kept for an invocation that is sent a second time."""
KEPT_RECORDS = 500
"""Uses that the journal lists of one call."""

UseHosted = Callable[[HostedTool, Mapping[str, Any], Controls], Any]
"""Uses a tool in the tools' process, on a call; awaited for its ToolResult."""


class Invocations:
    """Those of one agent on one call. Closed when it leaves: what still runs then is cancelled.

    `send` gets messages for the agent, `note` the kind and fields of what is worth telling.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        controls: Controls,
        *,
        use_hosted: UseHosted,
        usage: Usage,
        send: Callable[[Message], None],
        note: Callable[..., None],
    ) -> None:
        self._tools = dict(tools)
        self._controls = controls
        self._use_hosted = use_hosted
        self._usage = usage
        self._send = send
        self._note = note
        self._running: dict[str, asyncio.Task[None]] = {}
        self._answered: OrderedDict[str, ClientToolResult] = OrderedDict()
        self._closed = False
        self.uses: list[dict[str, Any]] = []
        """Those that are over, as the journal keeps them."""

    def take(self, invocation: ClientToolInvocation) -> None:
        """Use the tool that the agent asks for; the answer is sent when it is there."""
        number, name = invocation.invocation_id, invocation.tool_name
        if self._closed or number in self._running:
            return
        if (answer := self._answered.get(number)) is not None:
            self._send(answer)
            return
        if (tool := self._tools.get(name)) is None:
            log.warning("< tool %s is not one of ours", name)
            unknown = failure(Kind.UNKNOWN, f"There is no tool named {name}.")
            self._conclude(number, name, unknown, 0.0)
            return
        if not self._usage.admits(len(self._running)):
            busy = failure(Kind.BUSY, "Too many tools are being used at once.")
            self._conclude(number, name, busy, 0.0)
            return
        use = asyncio.get_running_loop().create_task(
            self._use(number, tool, invocation.parameters),
            name=f"{self._controls.facts.id} tool {name}",
        )
        self._running[number] = use
        use.add_done_callback(lambda _: self._running.pop(number, None))

    def close(self) -> None:
        """The agent leaves the call: cancel what still runs. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        for use in self._running.values():
            use.cancel()
        self._send = _nobody

    async def _use(self, number: str, tool: Tool, arguments: Mapping[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        late = tool.late if isinstance(tool, HostedTool) else None
        if late is not None:
            self._answer(number, ToolResult(text=late))
        with self._usage.one():
            try:
                result = await self._result(tool, arguments)
            except asyncio.CancelledError:
                self._count(tool.name, Kind.CANCELLED, loop.time() - began)
                raise
        if late is None:
            self._conclude(number, tool.name, result, loop.time() - began)
            return
        self._count(tool.name, result.kind, loop.time() - began, result.error)
        self._tell(tool.name, result)

    async def _result(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolResult:
        limit_s = max(tool.timeout_s - MARGIN_S, tool.timeout_s / 2)
        try:
            async with asyncio.timeout(limit_s):
                if isinstance(tool, BuiltIn):
                    return await tool.use(self._controls, arguments)
                result: ToolResult = await self._use_hosted(tool, arguments, self._controls)
                return result
        except TimeoutError:
            return failure(Kind.TIMEOUT, f"{tool.name} took longer than {limit_s:.3g} s")
        except Exception as error:
            log.exception("= tool %s failed on a fault of the bridge", tool.name)
            return failure(Kind.ERROR, f"the bridge failed: {type(error).__name__}")

    def _conclude(self, number: str, name: str, result: ToolResult, seconds: float) -> None:
        """Count it, tell of it, and answer."""
        result = self._answer(number, result)
        self._count(name, result.kind, seconds, result.error)

    def _count(self, name: str, kind: Kind, seconds: float, error: str | None = None) -> None:
        self._usage.count(kind, seconds)
        fields = {"name": name, "result": kind.value, "ms": round(seconds * 1000, 1)}
        if len(self.uses) < KEPT_RECORDS:
            self.uses.append(fields)
        self._note("tool", **fields, **({"error": error} if error else {}))

    def _answer(self, number: str, result: ToolResult) -> ToolResult:
        tools = None
        if result.stage_tools is not None:
            try:
                tools = [self._staged(each) for each in result.stage_tools]
            except KeyError as error:
                told = f"the new stage has a tool {error}, which this agent has not"
                result = failure(Kind.ERROR, told)
        answer = client_tool_result(number, result, tools=tools)
        self._answered[number] = answer
        if len(self._answered) > KEPT_ANSWERS:
            self._answered.popitem(last=False)
        self._send(answer)
        return result

    def _staged(self, tool: Any) -> Definition:
        """The definition of a tool of a new stage, which is known from now on."""
        if isinstance(tool, str):
            return self._tools[tool].definition
        hosted = HostedTool.read(tool)
        self._tools[hosted.name] = hosted
        return hosted.definition

    def _tell(self, name: str, result: ToolResult) -> None:
        """Tell the agent what came of a tool that it was not to wait for."""
        if result.hang_up is not None:
            self._send(HangUp(message=result.hang_up.get("message")))
            return
        text = f"The result of {name}: {result.text}"
        if result.text is None:
            text = f"{name} could not be done."
        try:
            self._controls.tell_agent(text, Urgency.SOON)
        except NotNow as error:
            log.debug("= what %s came to is not told: %s", name, error)


def _nobody(_: Message) -> None:
    """Who gets an answer that comes after the end."""
