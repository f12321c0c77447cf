"""The control API under clients that are slow, silent or too many; calls go on meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from bridge import control
from bridge.api import entrance
from tests.support.caller import Phone
from tests.support.service import TOKEN, Bridge
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds is over in a moment."""
    monkeypatch.setattr(entrance, "REQUEST_S", 0.3)
    monkeypatch.setattr(entrance, "LOOK_S", 0.05)
    monkeypatch.setattr(control, "BODY_S", 0.2)


@contextlib.asynccontextmanager
async def connection(bridge: Bridge, first: bytes = b"") -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.control.port)
    writer.write(first)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection is cut."""
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    return b""


async def cut(bridge: Bridge, reason: str) -> float:
    return (await bridge.metrics()).get(f'bridge_api_cut_total{{reason="{reason}"}}', 0)


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_connection_without_a_whole_request_is_cut(bridge: Bridge, first: bytes) -> None:
    before = await cut(bridge, "no-request")
    async with connection(bridge, first) as (reader, _):
        assert await answer(reader) == b""
    assert await cut(bridge, "no-request") == before + 1


async def test_a_head_that_trickles_in_is_cut_as_well(bridge: Bridge) -> None:
    before = await cut(bridge, "no-request")
    async with connection(bridge, b"GET / HTTP/1.1\r\n") as (_, writer):
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                writer.write(b"X-A: b\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        assert writer.is_closing()
    assert await cut(bridge, "no-request") == before + 1


async def test_a_body_that_does_not_come_is_not_waited_for(bridge: Bridge) -> None:
    before = await cut(bridge, "slow-body")
    head = f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 50\r\n\r\n"
    request = f"POST /v1/calls HTTP/1.1\r\n{head}{{".encode()
    async with connection(bridge, request) as (reader, _):
        told = await answer(reader)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'"error": "request-timeout"' in told
    assert await cut(bridge, "slow-body") == before + 1


async def test_who_has_asked_may_stay_and_ask_again(bridge: Bridge) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with connection(bridge) as (reader, writer):
        for _ in range(2):
            writer.write(request)
            assert (await reader.readuntil(b'{"status": "ok"}')).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.5)


async def test_an_idle_event_stream_is_not_cut(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="silent") as call:
        ours = await bridge.answered()
        request = f"GET /v1/calls/{ours.id}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        async with connection(bridge, request) as (reader, _):
            await reader.readuntil(b"event: answered\n")
            await asyncio.sleep(0.6)
            await call.hang_up()
            await asyncio.wait_for(reader.readuntil(b"event: ended\n"), PATIENCE_S)


async def test_connections_beyond_a_number_are_told_so_and_the_others_are_served(
    bridge: Bridge, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "MAX_CONNECTIONS", 20)
    before = await cut(bridge, "full")
    inside = len(bridge.control._runner.server.connections)  # type: ignore[union-attr]
    async with (
        phone.call(bridge.address, user="talker") as call,
        contextlib.AsyncExitStack() as all_,
    ):
        await call.line.speech()
        many = [await all_.enter_async_context(connection(bridge)) for _ in range(100)]
        told = await asyncio.gather(*(answer(reader) for reader, _ in many))
        refused = [each for each in told if each.startswith(b"HTTP/1.1 503 ")]
        assert len(refused) == 80 + inside
        assert await cut(bridge, "full") == before + len(refused)
        await call.line.listen(0.2)
    # Those that came in said nothing, and made room.
    assert len(bridge.control._runner.server.connections) <= 1 + inside  # type: ignore[union-attr]
    await bridge.get("/healthz")
