import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.commands import client as client_module
from bridge.commands.client import Client, NotRunning, Rejected, Unanswered
from bridge.config import ControlConfig

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control(listen: str | None, token: str | None = "t") -> ControlConfig:
    return ControlConfig.model_validate({"listen": listen, "token": token})


@pytest.fixture
async def served() -> AsyncIterator[Callable[[Handler], Awaitable[ControlConfig]]]:
    """Serves one handler on every path."""
    servers = []

    async def serve(handler: Handler) -> ControlConfig:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return control(f"127.0.0.1:{server.port}")

    yield serve
    for server in servers:
        await server.close()


async def test_the_token_goes_with_each_request(
    served: Callable[[Handler], Awaitable[ControlConfig]],
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response([request.method, request.headers["Authorization"]])

    async with Client(await served(handler)) as client:
        assert await client.get("/v1/calls") == ["GET", "Bearer t"]
        assert await client.post("/v1/drain") == ["POST", "Bearer t"]


async def test_an_error_of_the_service_is_told_in_its_words(
    served: Callable[[Handler], Awaitable[ControlConfig]],
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"error": "full", "message": "no room"}, status=503)

    async with Client(await served(handler)) as client:
        with pytest.raises(Rejected, match="no room") as rejected:
            await client.post("/v1/calls")
    assert (rejected.value.status, rejected.value.error) == (503, "full")


async def test_somebody_else_at_the_address_is_told_apart_by_the_status(
    served: Callable[[Handler], Awaitable[ControlConfig]],
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="<html>", status=502)

    async with Client(await served(handler)) as client:
        with pytest.raises(Rejected, match=r"at http://127\.0\.0\.1:\d+ is no uvbridge: HTTP 502"):
            await client.get("/v1/calls")


async def test_nobody_at_the_address_is_not_running() -> None:
    async with Client(control("127.0.0.1:1")) as client:
        with pytest.raises(NotRunning, match=r"http://127\.0\.0\.1:1"):
            await client.get("/v1/calls")


@pytest.mark.parametrize("answer", ["broken", "late", "no JSON"])
async def test_a_service_that_was_reached_and_gave_no_answer_is_not_taken_for_absent(
    answer: str,
    served: Callable[[Handler], Awaitable[ControlConfig]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        if answer == "broken":
            request.transport.abort()
        if answer == "late":
            await asyncio.sleep(1)
        return web.Response(text="<html>")

    monkeypatch.setattr(client_module, "REQUEST_TIMEOUT_S", 0.2)
    async with Client(await served(handler)) as client:
        with pytest.raises(Unanswered):
            await client.post("/v1/calls")


async def test_a_stream_that_breaks_is_told(
    served: Callable[[Handler], Awaitable[ControlConfig]],
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'id: 0\nevent: ringing\ndata: {"at": 0.1}\n\n')
        assert request.transport is not None
        request.transport.close()
        return response

    async with Client(await served(handler)) as client:
        events = client.follow("c-1")
        assert await anext(events) == ("ringing", {"at": 0.1})
        with pytest.raises(Unanswered, match="went away"):
            await anext(events)


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ("192.0.2.1:80", "http://192.0.2.1:80"),
    ],
)
def test_the_service_is_reached_where_it_listens(listen: str, address: str) -> None:
    assert Client(control(listen)).address == address


def test_an_api_that_is_turned_off_runs_nowhere() -> None:
    with pytest.raises(NotRunning, match=r"control\.listen"):
        Client(control(None))
