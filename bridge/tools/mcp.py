"""MCP servers as sources of tools: joined at the start, listed, and joined again when lost.

A server that is down is waited for; calls go without its tools until it has listed them once.
"""

import asyncio
import contextlib
import importlib
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from bridge.tools.definition import define
from bridge.tools.hosted import HostedTool
from bridge.tools.options import Options
from bridge.tools.results import Kind, ToolResult, failure, refusal, result_of
from bridge.tools.signature import Parameter, Unsupported, inlined

__all__ = ["McpServers", "look", "shown"]

log = logging.getLogger("bridge.tools")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Between two tries to join a server; doubled each time."""
RELIST_S = 60.0
"""How often a server is asked again for its tools; that it answers shows that it lives."""
JOIN_TIMEOUT_S = 10.0
LIBRARY = "mcp.client.streamable_http"
MAX_TOOLS = 200
"""Of one server. No model chooses among more."""

Offer = Callable[[str, list[Mapping[str, Any]]], None]


class McpServers:
    """All that are configured. `on_offer` gets a server's key and its tools, each time they change.

    Each of `servers` has `key`, `timeout_s`, and either `url` with `headers`, or `command` with
    `env`.
    """

    def __init__(self, servers: list[Mapping[str, Any]], *, on_offer: Offer) -> None:
        for name in ("httpx2", "mcp"):
            # They show whole addresses, which may hold a key.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._servers = {each["key"]: _Server(each, on_offer=on_offer) for each in servers}

    def open(self) -> None:
        """Begin to join them."""
        for server in self._servers.values():
            server.open()

    async def close(self) -> None:
        """Leave them."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    async def use(self, key: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Use the tool of that key."""
        server, _, name = key.rpartition("\n")
        if (found := self._servers.get(server)) is None:
            return failure(Kind.ERROR, "the tool is not known to the tools' process")
        return await found.use(name, arguments)


async def look(spec: Mapping[str, Any]) -> int:
    """Join a server once, and count the tools that it offers.

    Raises ConnectionError, saying what is wrong.
    """
    offered: list[Mapping[str, Any]] = []
    server = _Server(spec, on_offer=lambda _, tools: offered.extend(tools))
    try:
        await asyncio.to_thread(importlib.import_module, LIBRARY)
        async with asyncio.timeout(JOIN_TIMEOUT_S), _client(spec) as client:
            await server.ask(client)
    except Exception as error:
        raise ConnectionError(_reason(error)) from error
    return len(offered)


class _Server:
    def __init__(self, spec: Mapping[str, Any], *, on_offer: Offer) -> None:
        self._spec = spec
        self._on_offer = on_offer
        self._name = shown(spec)
        self._client: Any = None
        self._listed: list[HostedTool] = []
        self._lost = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._life = asyncio.get_running_loop().create_task(self._live(), name=f"mcp {self._name}")

    async def close(self) -> None:
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._life

    async def use(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        if (client := self._client) is None:
            return failure(Kind.ERROR, f"MCP server {self._name} is down")
        try:
            answer = await client.call_tool(name, dict(arguments))
        except Exception as error:
            self._lost.set()
            return failure(Kind.ERROR, f"MCP server {self._name}: {type(error).__name__}")
        text = _text(answer)
        return refusal(str(text)) if answer.is_error else result_of(text, name=name)

    async def _live(self) -> None:
        """Join, again and again."""
        pause_s, told = FIRST_PAUSE_S, False
        while True:
            try:
                # Seconds of computing, the first time.
                await asyncio.to_thread(importlib.import_module, LIBRARY)
                async with (
                    asyncio.timeout(JOIN_TIMEOUT_S) as joining,
                    _client(self._spec) as client,
                ):
                    await self.ask(client)
                    joining.reschedule(None)
                    log.info("= MCP server %s offers %d tools", self._name, len(self._listed))
                    pause_s, told = FIRST_PAUSE_S, False
                    await self._stay(client)
            except Exception as error:
                if not told:
                    told = True
                    log.warning("= MCP server %s is down: %s", self._name, _reason(error))
            finally:
                self._client = None
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _stay(self, client: Any) -> None:
        """Use it until it is lost."""
        self._client = client
        self._lost.clear()
        while not self._lost.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), RELIST_S)
            await asyncio.wait_for(self.ask(client), JOIN_TIMEOUT_S)

    async def ask(self, client: Any) -> None:
        """Ask a joined server for its tools; what has changed is told."""
        tools: list[Any] = []
        cursor = None
        while len(tools) <= MAX_TOOLS:
            page = await client.list_tools(cursor=cursor, cache_mode="refresh")
            tools += page.tools
            if (cursor := page.next_cursor) is None:
                break
        listed = [hosted for each in tools[:MAX_TOOLS] if (hosted := self._hosted(each))]
        if listed != self._listed:
            self._listed = listed
            self._on_offer(self._spec["key"], [each.as_json() for each in listed])

    def _hosted(self, tool: Any) -> HostedTool | None:
        try:
            parameters = _parameters(tool.input_schema)
        except (Unsupported, KeyError) as error:
            log.warning("= tool %s of MCP server %s is left out: %s", tool.name, self._name, error)
            return None
        options = Options(timeout_s=self._spec["timeout_s"])
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", tool.name)[:64]
        told = tool.description or tool.name
        definition = define(name, told, parameters, options)
        return HostedTool.made(f"{self._spec['key']}\n{tool.name}", definition, options)


def _client(spec: Mapping[str, Any]) -> Any:
    """A client that has not joined yet. Raises ImportError without the package `mcp`."""
    mcp = importlib.import_module("mcp")
    if spec.get("command"):
        command, *words = spec["command"]
        server = mcp.StdioServerParameters(command=command, args=words, env=dict(spec["env"]))
        return mcp.Client(server, read_timeout_seconds=spec["timeout_s"])
    return _over_http(mcp, spec)


@contextlib.asynccontextmanager
async def _over_http(mcp: Any, spec: Mapping[str, Any]) -> Any:
    httpx = importlib.import_module("httpx2")
    transport = importlib.import_module(LIBRARY)
    timeout = httpx.Timeout(JOIN_TIMEOUT_S, read=spec["timeout_s"] + JOIN_TIMEOUT_S)
    async with httpx.AsyncClient(headers=dict(spec["headers"]), timeout=timeout) as http:
        wire = transport.streamable_http_client(spec["url"], http_client=http)
        async with mcp.Client(wire, read_timeout_seconds=spec["timeout_s"]) as client:
            yield client


def _parameters(schema: Mapping[str, Any]) -> list[Parameter]:
    whole = inlined(dict(schema), schema.get("$defs", {}))
    required = set(whole.get("required", ()))
    return [
        Parameter(name=name, schema=each, required=name in required)
        for name, each in whole.get("properties", {}).items()
        if isinstance(each, dict)
    ]


def _text(answer: Any) -> Any:
    """What a result says: its texts, else what it holds as JSON."""
    texts = [block.text for block in answer.content if block.type == "text"]
    if texts:
        return "\n".join(texts)
    return answer.structured_content if answer.structured_content is not None else None


def shown(spec: Mapping[str, Any]) -> str:
    """A server as the log may show it: a URL may hold a key."""
    if spec.get("command"):
        return str(spec["command"][0])
    url = urlsplit(spec["url"])
    return f"{url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''}{url.path}"


def _reason(error: BaseException) -> str:
    """The innermost reason of a failure, without what it may quote."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ImportError):
        return f"{error}; install uvbridge[mcp]"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return type(error).__name__
