"""An agent's tools: the bridge's own, yours, and what MCP servers have listed so far."""

from collections.abc import Mapping, Sequence

from bridge.tools.builtin import BuiltIn
from bridge.tools.definition import Definition
from bridge.tools.hosted import HostedTool

__all__ = ["Tool", "Toolbox"]

Tool = BuiltIn | HostedTool

MAX_NAME = 64


class Toolbox:
    """Tools by the name that the agent knows them by."""

    def __init__(
        self,
        tools: Sequence[Tool] = (),
        *,
        servers: Sequence[str] = (),
        listed: Mapping[str, Sequence[HostedTool]] | None = None,
    ) -> None:
        """`servers` are keys of `listed`, which grows when a server lists its tools."""
        self._own = {tool.name: tool for tool in tools}
        self._servers = tuple(servers)
        self._listed = listed if listed is not None else {}

    @property
    def tools(self) -> dict[str, Tool]:
        """All of them now. A server's tool whose name is taken gets a number after it."""
        tools: dict[str, Tool] = dict(self._own)
        for server in self._servers:
            for tool in self._listed.get(server, ()):
                name = _free(tool.name, tools)
                tools[name] = tool if name == tool.name else tool.renamed(name)
        return tools

    @property
    def definitions(self) -> list[Definition]:
        """What the agent is offered now."""
        return [tool.definition for tool in self.tools.values()]


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, wanted = 2, name
    while wanted in taken:
        ending = f"_{number}"
        wanted, number = name[: MAX_NAME - len(ending)] + ending, number + 1
    return wanted
