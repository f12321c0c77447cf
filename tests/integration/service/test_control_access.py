"""Who may use the control API, by where it listens and whether it has a token."""

import asyncio
import contextlib
import socket
from pathlib import Path

import aiohttp
import pytest

from bridge.api import entrance
from tests.support.caller import Phone
from tests.support.service import TOKEN, Bridge, running
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKING = ("/metrics", "/v1/calls", "/v1/calls/c-0", "/v1/trunks")
OPEN = ("/healthz", "/readyz")


async def status(bridge: Bridge, path: str, *, host: str, token: str = "") -> int:
    """What a stranger, or the holder of a token, gets."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(f"http://{host}:{bridge.control.port}", headers=headers) as client,
        client.get(path) as response,
    ):
        return response.status


@pytest.mark.parametrize(
    ("listen", "host", "trusted"),
    [
        ("0.0.0.0:0", "127.0.0.1", False),
        ("[::]:0", "[::1]", False),
        ("[::1]:0", "[::1]", True),
        ("127.0.0.5:0", "127.0.0.5", True),
    ],
)
async def test_off_loopback_even_looking_needs_the_token(
    tmp_path: Path, listen: str, host: str, trusted: bool
) -> None:
    async with running(tmp_path, {"control": {"listen": listen}}) as bridge:
        for path in LOOKING:
            known = 404 if path.endswith("c-0") else 200
            assert await status(bridge, path, host=host) == (known if trusted else 401), path
            assert await status(bridge, path, host=host, token=TOKEN) == known, path
        for path in OPEN:
            assert await status(bridge, path, host=host) == 200, path


async def test_without_a_token_nothing_can_be_changed(tmp_path: Path, phone: Phone) -> None:
    async with running(tmp_path, {"control": {"token": None}}) as bridge:
        async with phone.call(bridge.address, user="silent") as call:
            ours = await bridge.answered()
            for path in (f"/v1/calls/{ours.id}/hangup", "/v1/drain", "/v1/calls"):
                async with bridge.api.post(path, json={}) as response:
                    assert response.status == 403
                    assert (await response.json())["error"] == "no-token"
            await call.line.listen(0.1)
            assert call.bye is None
        await bridge.idle()


async def test_a_service_that_stops_does_not_wait_for_those_who_follow_a_call(
    tmp_path: Path, phone: Phone
) -> None:
    async with running(tmp_path) as bridge, phone.call(bridge.address, user="silent") as call:
        ours = await bridge.answered()
        response = await bridge.api.get(f"/v1/calls/{ours.id}/events")
        await response.content.readuntil(b"event: answered\n")
        async with asyncio.timeout(PATIENCE_S):
            await bridge.control.__aexit__(None, None, None)
            await bridge.service.__aexit__(None, None, None)
        await call.ended()
        response.close()


async def test_a_stopping_service_tells_those_who_follow_how_the_call_ended(
    tmp_path: Path, phone: Phone
) -> None:
    async with running(tmp_path) as bridge, phone.call(bridge.address, user="silent") as call:
        ours = await bridge.answered()
        async with bridge.api.get(f"/v1/calls/{ours.id}/events") as response:
            await response.content.readuntil(b"event: answered\n")
            await bridge.service.end_calls()
            rest = await response.content.read()
        await call.ended()
    assert b'"cause": "shutdown"' in rest


async def test_an_answer_that_is_not_read_does_not_hold_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "UNREAD_MS", 300)
    async with running(tmp_path) as bridge:
        server = bridge.control._runner.server
        assert server is not None
        unread = socket.socket()
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unread.connect(("127.0.0.1", bridge.control.port))
        unread.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(200):
                unread.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
                await asyncio.sleep(0)
        await until(lambda: len(server.connections) == 1)
        await asyncio.sleep(0.2)
        await until(lambda: not server.connections)
        unread.close()
