"""Tools of real MCP servers, over HTTP and standard input and output."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from aiohttp import web

from bridge.commands.findings import Finding
from bridge.commands.probes import Probing
from bridge.config import parse
from bridge.tools.workshop import Workshop
from bridge.ultravox.messages import ClientToolInvocation, ClientToolResult, Message
from deploy.ports import free_port
from tests.support.controls import Line
from tests.support.waiting import until

pytest.importorskip("mcp")
pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
SERVER = [sys.executable, "-m", "tests.support.mcp_server"]
PATIENCE_S = 60.0
NAMES = {"hang_up", "stock", "shop_price", "dawdle", "hang_up_2"}


@contextlib.asynccontextmanager
async def server(port: int) -> AsyncIterator[None]:
    """An MCP server over HTTP, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *SERVER, str(port), cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@dataclass
class Shop:
    """A workshop and its MCP servers: over HTTP, run by it, and one that refuses everybody."""

    workshop: Workshop
    port: int
    """Where the first is wanted; nobody is there at first."""
    shown: list[str | None]
    """The authorization that the last one was shown."""

    def offered(self, agent: str) -> dict[str, Any]:
        tools = [each["temporaryTool"] for each in self.workshop.bench(agent).definitions]
        return {tool["modelToolName"]: tool for tool in tools}

    async def listed(self, agent: str) -> dict[str, Any]:
        await until(lambda: len(self.offered(agent)) == len(NAMES), timeout_s=PATIENCE_S)
        return self.offered(agent)

    async def use(self, agent: str, name: str, **arguments: Any) -> ClientToolResult:
        sent: list[Message] = []
        bench = self.workshop.bench(agent)
        invocations = bench.begin(Line(), send=sent.append, note=lambda *_, **__: None)
        invocations.take(
            ClientToolInvocation(tool_name=name, invocation_id="i", parameters=arguments)
        )
        await until(lambda: bool(sent), timeout_s=PATIENCE_S)
        (answer,) = sent
        assert isinstance(answer, ClientToolResult)
        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    shown: list[str | None] = []

    async def refuse(request: web.Request) -> web.Response:
        shown.append(request.headers.get("Authorization"))
        return web.Response(status=401)

    app = web.Application()
    app.router.add_route("*", "/mcp", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    port, refusing = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", refusing).start()
    over_http = {"mcp": f"http://127.0.0.1:{port}/mcp"}
    run = {"mcp": SERVER, "env": {"SHOP_KEY": "k-1", "PYTHONPATH": str(ROOT)}, "timeout_s": 1}
    token = {"Authorization": "Bearer t"}
    barred = {"mcp": f"http://127.0.0.1:{refusing}/mcp", "headers": token}
    agents = {
        name: {"agent_id": "a", "tools": ["hang_up", source]}
        for name, source in (("desk", over_http), ("clerk", run), ("guest", barred))
    }
    text = yaml.safe_dump({"ultravox": {"api_key": "k"}, "agents": agents})
    workshop = Workshop(parse(text, {}), observe=lambda _: None)
    await workshop.open()
    yield Shop(workshop, port, shown)
    await workshop.close()
    await runner.cleanup()


async def test_a_server_that_is_down_at_the_start_is_joined_when_it_is_up_and_again_when_lost(
    shop: Shop,
) -> None:
    assert set(shop.offered("desk")) == {"hang_up"}
    async with server(shop.port):
        assert set(await shop.listed("desk")) == NAMES
        assert (await shop.use("desk", "stock", article="hats")).result == "7 of hats in 40"
    lost = await shop.use("desk", "stock", article="hats")
    assert lost.error_type == "implementation-error"
    assert set(shop.offered("desk")) == NAMES
    async with server(shop.port), asyncio.timeout(PATIENCE_S):
        while (await shop.use("desk", "stock", article="hats")).error_type:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_the_tools_of_a_server_that_is_run_are_offered_as_it_lists_them(shop: Shop) -> None:
    tools = await shop.listed("clerk")
    assert set(tools) == NAMES
    assert tools["stock"]["description"] == "Tell how many of an article are there."
    assert tools["stock"]["timeout"] == "1s"
    parameters = {each["name"]: each for each in tools["stock"]["dynamicParameters"]}
    assert [parameters[name]["required"] for name in ("article", "size")] == [True, False]
    assert parameters["article"]["schema"]["type"] == "string"


async def test_what_a_server_answers_is_the_result(shop: Shop) -> None:
    await shop.listed("clerk")
    assert (await shop.use("clerk", "stock", article="boots")).result == "7 of boots in 40"
    price = await shop.use("clerk", "shop_price", article="boots")
    assert "9.5" in (price.result or "")
    refused = await shop.use("clerk", "shop_price", article="unicorn")
    assert refused.error_type is None
    assert "no unicorns" in (refused.result or "")


async def test_a_servers_tool_whose_name_is_taken_has_another(shop: Shop) -> None:
    await shop.listed("clerk")
    assert (await shop.use("clerk", "hang_up")).response_type == "hang-up"
    assert (await shop.use("clerk", "hang_up_2")).result == "k-1"


async def test_a_servers_tool_that_takes_too_long_is_given_up(shop: Shop) -> None:
    await shop.listed("clerk")
    slow = await shop.use("clerk", "dawdle", seconds=30)
    assert slow.error_message == "dawdle took longer than 0.9 s"
    assert (await shop.use("clerk", "stock", article="boots")).error_type is None


async def test_check_live_tells_which_servers_answer(shop: Shop) -> None:
    run = {"mcp": SERVER, "env": {"PYTHONPATH": str(ROOT)}}
    down = {"mcp": "http://127.0.0.1:9/mcp"}
    agent = {"agent_id": "a", "tools": [run, down]}
    settings = {
        "sip": {"public_address": "127.0.0.1"},
        "ultravox": {"api_key": "k", "api_url": "http://127.0.0.1:9"},
        "agents": {"desk": agent},
    }
    findings: list[Finding] = []
    await Probing(parse(yaml.safe_dump(settings), {}), tell=findings.append).run()
    told = {f"{each.level} {each.where}: {each.message}" for each in findings}
    assert {each for each in told if "MCP" in each} == {
        f"ok MCP server {sys.executable}: offers 4 tools",
        "failed MCP server http://127.0.0.1:9/mcp: cannot be joined: ConnectError",
    }


async def test_a_server_is_shown_the_configured_headers(shop: Shop) -> None:
    await until(lambda: bool(shop.shown), timeout_s=PATIENCE_S)
    assert set(shop.offered("guest")) == {"hang_up"}
    assert set(shop.shown) == {"Bearer t"}
