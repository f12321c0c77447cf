"""The HTTP control API: metrics, health, and steering of calls.

    GET  /metrics /healthz /readyz
    GET  /v1/calls /v1/calls/{id} /v1/calls/{id}/events /v1/trunks
    POST /v1/calls /v1/calls/{id}/hangup /v1/drain, and what `bridge.api.steering` lists

A request that changes something needs the token always; any request needs it when the API listens
off loopback, except the two health checks. Errors are ``{"error": …, "message": …}``.
"""

import asyncio
import hmac
import logging
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from types import TracebackType

from aiohttp import web

from bridge.api import history, replies, steering
from bridge.api.entrance import Entrance, Losses
from bridge.api.following import Followers
from bridge.api.ordering import Ordering
from bridge.config import ControlConfig
from bridge.errors import CallError
from bridge.outcome import Cause, Outcome, Result
from bridge.service import Service
from bridge.views.calls import call_view, trunk_view

__all__ = ["Control"]

log = logging.getLogger("bridge.control")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY = 64 * 1024
"""Bytes of a request body."""
BODY_S = 10.0
"""How long a request's body may take."""
KEEPALIVE_S = 75.0
"""How long a connection may be idle between two requests; scrapes come once a minute at least."""
LINGER_S = 1.0
"""How long the rest of a body is awaited that nobody wants, so that its sender reads the answer."""
SHUTDOWN_TIMEOUT_S = 1.0
"""How long open requests may go on when the service leaves; event streams have no end of their own.
"""
_OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Control:
    """The API's server: an async context manager over a running service."""

    def __init__(self, service: Service, config: ControlConfig) -> None:
        assert config.listen is not None
        self._service = service
        self._listen = config.listen
        self.losses = Losses()
        self.followers = Followers(self.losses)
        self._token = config.token.get_secret_value() if config.token else None
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            shutdown_timeout=SHUTDOWN_TIMEOUT_S,
            keepalive_timeout=KEEPALIVE_S,
            lingering_time=LINGER_S,
        )
        self._entrance: Entrance | None = None
        self.port = config.listen.port

    async def __aenter__(self) -> "Control":
        """Listen.

        Raises OSError, naming the address, where it cannot.
        """
        await self._runner.setup()
        assert self._runner.server is not None
        self._entrance = Entrance(self._runner.server, self.losses)
        try:
            self.port = await self._entrance.open(self._listen.host, self._listen.port)
        except OSError as error:
            await self._runner.cleanup()
            raise OSError(
                f"cannot listen on control.listen {self._listen}: {os.strerror(error.errno or 0)}"
            ) from error
        self._service.metrics.registry.register(self.losses)
        log.debug("= control API listens on %s port %d", self._listen.host, self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening; open event streams are cut."""
        if self._entrance is not None:
            self._entrance.close()
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(
            middlewares=[self._enter, _errors_as_json, self._authorize], client_max_size=MAX_BODY
        )
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/v1/calls", self._list_calls),
                web.post("/v1/calls", Ordering(self._service).place),
                web.get("/v1/calls/{id}", self._show_call),
                web.get("/v1/calls/{id}/events", self._follow_call),
                web.post("/v1/calls/{id}/hangup", self._hang_up),
                *steering.routes(self._service),
                web.get("/v1/trunks", self._list_trunks),
                web.post("/v1/drain", self._drain),
            ]
        )
        return app

    @web.middleware
    async def _enter(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        assert self._entrance is not None
        self._entrance.asked(request)
        return await handler(request)

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        changes = request.method not in ("GET", "HEAD")
        needed = changes or (not self._listen.loopback and request.path not in _OPEN_PATHS)
        if not needed:
            return await handler(request)
        if self._token is None:
            told = "control.token is not set: without it calls can be seen, not placed or ended"
            return replies.error(HTTPStatus.FORBIDDEN, "no-token", told)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        same = hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())
        if not same or scheme.lower() != "bearer":
            return replies.error(HTTPStatus.UNAUTHORIZED, "unauthorized", "wrong or missing token")
        await self._body(request)
        return await handler(request)

    async def _body(self, request: web.Request) -> None:
        """Have the whole body there; raises HTTPRequestTimeout where it does not come."""
        try:
            async with asyncio.timeout(BODY_S):
                await request.read()
        except TimeoutError:
            self.losses.counts["slow-body"] += 1
            raise web.HTTPRequestTimeout from None

    # Seen.

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._service.metrics.exposition(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        if await self._service.alive():
            return web.json_response({"status": "ok"})
        reasons = ["the SIP thread does not answer"]
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return web.json_response({"status": "dead", "reasons": reasons}, status=status)

    async def _readyz(self, _: web.Request) -> web.Response:
        reasons = self._service.unready()
        if reasons:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return web.json_response({"status": "unready", "reasons": reasons}, status=status)
        return web.json_response({"status": "ready"})

    async def _list_calls(self, request: web.Request) -> web.Response:
        if request.query:
            return await history.listed(self._service.papers.journal.past, request.query)
        return web.json_response([call_view(call) for call in self._service.calls.values()])

    async def _show_call(self, request: web.Request) -> web.Response:
        call_id = request.match_info["id"]
        call = self._service.find(call_id)
        if call is None:
            return await history.shown(self._service.papers.journal.past, call_id)
        return web.json_response(call_view(call) | {"transcript": call.talks.transcript()})

    async def _list_trunks(self, _: web.Request) -> web.Response:
        registrations = self._service.registrations.values()
        return web.json_response([trunk_view(each) for each in registrations])

    async def _follow_call(self, request: web.Request) -> web.StreamResponse:
        call = self._service.find(request.match_info["id"])
        return replies.no_call() if call is None else await self.followers.follow(request, call)

    # Steered.

    async def _hang_up(self, request: web.Request) -> web.Response:
        call = self._service.calls.get(request.match_info["id"])
        if call is None:
            return replies.no_call()
        call.end(Outcome(result=Result.SUCCESS, cause=Cause.OPERATOR_HUNG_UP))
        return web.json_response({"id": call.id}, status=HTTPStatus.ACCEPTED)

    async def _drain(self, _: web.Request) -> web.Response:
        self._service.drain()
        alive = len(self._service.calls)
        return web.json_response({"draining": True, "calls": alive}, status=HTTPStatus.ACCEPTED)


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return replies.error(
            HTTPStatus(error.status), error.reason.lower().replace(" ", "-"), error.reason
        )
    except CallError as error:
        response = replies.error(HTTPStatus(error.http_status), error.cause, str(error))
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
