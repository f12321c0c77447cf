"""The stand-in's REST API, on aiohttp: the part of Ultravox's that clients of calls use."""

import asyncio
import hmac
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bridge.ultravox.messages import ForcedAgentMessage, HangUp, UserTextMessage, parse
from bridge.ultravox.standin.agents import AGENTS, Agent, find
from bridge.ultravox.standin.bodies import (
    AgentCallBody,
    BadBody,
    CallBody,
    check_agent_call,
    check_call,
)
from bridge.ultravox.standin.book import CallBook
from bridge.ultravox.standin.call import StandinCall
from bridge.ultravox.standin.settings import settle

log = logging.getLogger("bridge.ultravox.standin")

RETRY_AFTER_S = 1
SLOW_S = 3.0
REQUESTS_KEPT = 200

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came, for tests to look at."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


class Rest:
    """The REST handlers over a book of calls."""

    def __init__(
        self, book: CallBook, *, api_key: str | None, join_url: Callable[[StandinCall, str], str]
    ) -> None:
        self._book = book
        self._api_key = api_key
        self._join_url = join_url
        self._turns: Counter[str] = Counter()
        self.requests: deque[Request] = deque(maxlen=REQUESTS_KEPT)

    def application(self) -> web.Application:
        """The routes, all below /api and all behind the key."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.post("/api/calls", self._post_call),
                web.get("/api/calls", self._get_calls),
                web.get("/api/calls/{id}", self._get_call),
                web.delete("/api/calls/{id}", self._delete_call),
                web.get("/api/calls/{id}/messages", self._get_messages),
                web.get("/api/calls/{id}/events", self._get_events),
                web.post("/api/calls/{id}/send_data_message", self._post_message),
                web.get("/api/agents", self._get_agents),
                web.get("/api/agents/{id}", self._get_agent),
                web.post("/api/agents/{id}/calls", self._post_agent_call),
                web.get("/api/accounts/me", self._get_account),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = None
        if request.body_exists:
            try:
                body = await request.json()
            except ValueError:
                return _refusal(400, "JSON parse error")
        self.requests.append(Request(request.method, request.path, dict(request.query), body))
        key = request.headers.get("X-API-Key", "")
        if not key:
            return _refusal(401, "Authentication credentials were not provided.")
        if self._api_key is not None and not hmac.compare_digest(key, self._api_key):
            return _refusal(401, "Invalid API key.")
        try:
            response = await handler(request)
        except BadBody as error:
            response = web.json_response(error.errors, status=400)
        except web.HTTPException as error:
            response = _refusal(error.status, error.reason)
        log.info("< %s %s > %d", request.method, request.path, response.status)
        return response

    async def _post_call(self, request: web.Request) -> web.Response:
        raw = await _json(request)
        prior = request.query.get("priorCallId")
        if prior is not None:
            raw = {**self._heritage(prior, raw), **raw}
        body = check_call(raw)
        name = (body.metadata or {}).get("standin.agent", "receptionist")
        agent = find(name, body.metadata or {})
        if agent is None:
            raise BadBody({"metadata": [f"There is no agent {name!r} to stand in."]})
        return await self._create(agent, body, raw, request)

    def _heritage(self, prior: str, raw: Any) -> dict[str, Any]:
        """What a call inherits from the one before it: all that its own body leaves open."""
        if prior not in self._book.calls:
            raise BadBody({"priorCallId": ["There is no such call."]})
        if not isinstance(raw, dict) or "initialMessages" in raw:
            raise BadBody({"initialMessages": ["Not allowed together with priorCallId."]})
        return self._book.calls[prior].body

    async def _post_agent_call(self, request: web.Request) -> web.Response:
        raw = await _json(request)
        metadata = raw.get("metadata") if isinstance(raw, dict) else None
        agent = find(request.match_info["id"], metadata if isinstance(metadata, dict) else {})
        if agent is None:
            raise web.HTTPNotFound
        return await self._create(agent, check_agent_call(raw), raw, request)

    async def _create(
        self, agent: Agent, body: CallBody | AgentCallBody, raw: Any, request: web.Request
    ) -> web.Response:
        refusal = await self._misbehave(agent)
        if refusal is not None:
            return refusal
        if self._book.full:
            return _refusal(429, "Too many concurrent calls.")
        call = self._book.create(settle(body, agent), raw)
        if agent.name == "no-join-url":
            return web.json_response(call.resource(None), status=201)
        if agent.name == "lost-answer" and request.transport is not None:
            request.transport.abort()
        return web.json_response(call.resource(self._url(call, request)), status=201)

    def _url(self, call: StandinCall, request: web.Request) -> str:
        return self._join_url(call, request.url.host or "127.0.0.1")

    async def _misbehave(self, agent: Agent) -> web.Response | None:
        """The faults on demand that happen before there is a call."""
        self._turns[agent.name] += 1
        if agent.name.startswith("error-"):
            status = int(agent.name.removeprefix("error-"))
            return _refusal(status, f"This agent always answers {status}.")
        if agent.name == "busy-once" and self._turns[agent.name] % 2:
            return _refusal(429, "Too many concurrent calls.")
        if agent.name == "slow":
            await asyncio.sleep(SLOW_S)
        if agent.name == "hang":
            await asyncio.Event().wait()
        return None

    async def _get_calls(self, request: web.Request) -> web.Response:
        """All calls, or those whose metadata the query names; the unjoined can be joined by it."""
        wanted = {
            key.removeprefix("metadata."): value
            for key, value in request.query.items()
            if key.startswith("metadata.")
        }
        return _page(
            [
                call.resource(None if call.joined or call.ended else self._url(call, request))
                for call in self._book.calls.values()
                if wanted.items() <= (call.body.get("metadata") or {}).items()
            ]
        )

    async def _get_call(self, request: web.Request) -> web.Response:
        return web.json_response(self._find(request).resource(None))

    async def _delete_call(self, request: web.Request) -> web.Response:
        call = self._find(request)
        if call.ended is None:
            return _refusal(425, "The call has not ended.")
        del self._book.calls[call.id]
        return web.Response(status=204)

    async def _get_messages(self, request: web.Request) -> web.Response:
        return _page(self._find(request).messages())

    async def _get_events(self, request: web.Request) -> web.Response:
        return _page(self._find(request).events)

    async def _post_message(self, request: web.Request) -> web.Response:
        call = self._find(request)
        raw = await request.text()
        try:
            message = parse(raw)
        except ValueError as error:
            raise BadBody({"type": [str(error)]}) from None
        if not isinstance(message, ForcedAgentMessage | HangUp | UserTextMessage):
            raise BadBody({"type": [f"{message.type} cannot be sent this way."]})
        if call.deliver is None:
            return _refusal(422, "The call is not joined.")
        call.deliver(message)
        return web.Response(status=204)

    async def _get_agents(self, _request: web.Request) -> web.Response:
        return _page([_agent_resource(agent) for agent in AGENTS.values()])

    async def _get_agent(self, request: web.Request) -> web.Response:
        agent = find(request.match_info["id"], {})
        if agent is None:
            raise web.HTTPNotFound
        return web.json_response(_agent_resource(agent))

    async def _get_account(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "name": "stand-in",
                "activeCalls": self._book.live,
                "allowedConcurrentCalls": self._book.max_calls,
                "hasActiveSubscription": True,
            }
        )

    def _find(self, request: web.Request) -> StandinCall:
        call = self._book.calls.get(request.match_info["id"])
        if call is None:
            raise web.HTTPNotFound
        return call


async def _json(request: web.Request) -> Any:
    return await request.json() if request.body_exists else {}


def _refusal(status: int, detail: str) -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in (429, 503) else {}
    return web.json_response({"detail": detail}, status=status, headers=headers)


def _page(results: list[dict[str, Any]]) -> web.Response:
    return web.json_response(
        {"next": None, "previous": None, "results": results, "total": len(results)}
    )


def _agent_resource(agent: Agent) -> dict[str, Any]:
    return {"agentId": agent.id, "name": agent.name, "callTemplate": {"name": agent.about}}
