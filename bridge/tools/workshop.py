"""All tools of a service: found at the start, offered to agents, used in calls.

A `Workshop` makes one `Workbench` for each agent, and that one `Invocations` for each call. What is
not of the bridge itself runs in the process that `Hosting` keeps, where there is anything for it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.config import Config, ConfigError
from bridge.configuration.agents import AgentConfig, McpServer, TransferConfig
from bridge.dial_policy import DialPolicy
from bridge.errors import NotNow
from bridge.tools import inspection
from bridge.tools.builtin import BUILT_IN, built_in
from bridge.tools.controls import Controls, obey
from bridge.tools.definition import Definition
from bridge.tools.hosted import HostedTool
from bridge.tools.hosting import Hosting
from bridge.tools.invocations import Invocations, UseHosted
from bridge.tools.results import Kind, ToolResult, failure
from bridge.tools.toolbox import Tool, Toolbox
from bridge.tools.usage import Usage
from bridge.ultravox.messages import Message

__all__ = ["Workbench", "Workshop"]


class Workbench:
    """What one agent has."""

    def __init__(
        self,
        toolbox: Toolbox,
        *,
        usage: Usage,
        use_hosted: UseHosted,
        on_over: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._toolbox = toolbox
        self._usage = usage
        self._use_hosted = use_hosted
        self.over = on_over
        """To be told the id of a call that has ended, when every agent has left it."""

    @classmethod
    def plain(cls, config: AgentConfig) -> "Workbench":
        """The bridge's own tools only."""
        usage = Usage(max_running=100, max_per_call=4, observe=lambda _: None)
        return cls(Toolbox([*_own(config)]), usage=usage, use_hosted=_nowhere)

    @property
    def definitions(self) -> list[Definition]:
        """What the agent is offered now."""
        return self._toolbox.definitions

    def begin(
        self,
        controls: Controls,
        *,
        send: Callable[[Message], None],
        note: Callable[..., None],
    ) -> Invocations:
        """Take the tools to a call."""
        return Invocations(
            self._toolbox.tools,
            controls,
            use_hosted=self._use_hosted,
            usage=self._usage,
            send=send,
            note=note,
        )


class Workshop:
    """`observe` gets the seconds that each use of a tool took."""

    def __init__(self, config: Config, *, observe: Callable[[float], None]) -> None:
        self._config = config
        limits = config.tools
        self.usage = Usage(
            max_running=limits.max_running,
            max_per_call=limits.max_running_per_call,
            observe=observe,
        )
        self._functions: Mapping[str, HostedTool] = {}
        self._listed: dict[str, list[HostedTool]] = {}
        self._hosting: Hosting | None = None
        self._calls: dict[str, Controls] = {}

    async def open(self) -> None:
        """Find the tools that the configuration names.

        Raises ConfigError where one is not there or cannot be a tool, HostFailed.
        """
        references, servers = inspection.named(self._config)
        if not references and not servers:
            return
        log = self._config.log
        order = {
            "folder": str(self._config.folder.resolve()),
            "references": references,
            "servers": [server.order for server in servers],
            "threads": self._config.tools.threads,
            "processes": self._config.tools.processes,
            "log_level": log.level,
            "log_format": log.format,
        }
        self._hosting = Hosting(order, on_offer=self._offered, on_ask=self._ask)
        loaded = await self._hosting.open()
        names = {key: tool.name for key, tool in loaded.tools.items()}
        mistakes = inspection.told(self._config, names, loaded.mistakes)
        if mistakes:
            await self.close()
            raise ConfigError(self._config.source, mistakes)
        self._functions = loaded.tools

    async def close(self) -> None:
        """End what was begun."""
        if self._hosting is not None:
            await self._hosting.close()

    def bench(self, agent: str) -> Workbench:
        """What the agent of that name has."""
        config = self._config.agents[agent]
        tools: list[Tool] = [*_own(config)]
        tools += [
            self._functions[each]
            for each in config.tools
            if isinstance(each, str) and each in self._functions
        ]
        servers = [each.key for each in config.tools if isinstance(each, McpServer)]
        toolbox = Toolbox(tools, servers=servers, listed=self._listed)
        return Workbench(toolbox, usage=self.usage, use_hosted=self._use, on_over=self._over)

    def _over(self, call_id: str) -> None:
        """A call has ended: what its tools were still to tell is wanted no more."""
        if self._calls.pop(call_id, None) is not None and self._hosting is not None:
            self._hosting.over(call_id)

    async def _use(
        self, tool: HostedTool, arguments: Mapping[str, Any], controls: Controls
    ) -> ToolResult:
        assert self._hosting is not None
        if not tool.wants_call:
            return await self._hosting.use(tool, arguments, None)
        self._calls[controls.facts.id] = controls
        return await self._hosting.use(tool, arguments, _as_json(controls))

    async def _ask(self, call_id: str, what: str, values: Mapping[str, Any]) -> Any:
        if (controls := self._calls.get(call_id)) is None:
            raise NotNow("the call is over")
        return await obey(controls, what, values)

    def _offered(self, server: str, tools: list[HostedTool]) -> None:
        self._listed[server] = tools


def _own(config: AgentConfig) -> Iterator[Tool]:
    policy = DialPolicy(destinations=config.transfer.destinations, allow=config.transfer.allow)
    for each in config.tools:
        if isinstance(each, str) and each in BUILT_IN:
            yield built_in(each, policy, introduction=_introduction(config.transfer))


def _introduction(config: TransferConfig) -> str:
    """How an agent may tell of a caller whom it transfers; empty where it cannot."""
    if config.mode not in ("warm", "attended"):
        return ""
    told = "What you say to them of the caller before they are joined: who it is, and what about."
    if config.accept_key:
        told += f" End it by asking them to press {config.accept_key} to take the call."
    return told


async def _nowhere(tool: HostedTool, _: Mapping[str, Any], __: Controls) -> ToolResult:
    return failure(Kind.ERROR, f"there is no process for {tool.name}")


def _as_json(controls: Controls) -> dict[str, Any]:
    """The call, as `ToolContext` shows it."""
    facts = controls.facts
    return {
        "id": facts.id,
        "direction": facts.direction.value,
        "trunk": facts.trunk,
        "agent": facts.agent,
        "caller": facts.caller,
        "caller_name": facts.caller_name,
        "callee": facts.callee,
        "headers": {name.lower(): list(values) for name, values in facts.headers.items()},
        "variables": dict(facts.variables),
        "transcript": controls.transcript(),
    }
