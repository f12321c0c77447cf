"""Ultravox's REST API, as far as a bridge needs it: create a call, and know that the key is good.

A phone is ringing while these requests run, so everything happens within one deadline:

    429, 503          again after Retry-After, while the deadline allows
    timeout           once more
    no link           once more
    502, 504          once more
    any other 4xx     never again: the request or the key is wrong

A call that a request made all the same, though no answer told of it in time, is ended: by the late
answer, or else found by its mark (`strays`).
"""

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from bridge.errors import AgentError
from bridge.ultravox.answers import Created, created_of
from bridge.ultravox.exchange import Exchange
from bridge.ultravox.session import leave

log = logging.getLogger("bridge.ultravox.api")

DEADLINE_S = 10.0
"""All tries together: what a caller hears as ringing before we give up."""
TIMEOUT_S = 5.0
"""One try."""
CLIENT_BUFFER_MS = 30_000
MEDIA_IDLE_TIMEOUT = "30s"
"""Audio never pauses while we live, so this ends the calls of a bridge that died."""


def with_medium(
    body: Mapping[str, Any], *, sample_rate: int, buffer_ms: int = CLIENT_BUFFER_MS
) -> dict[str, Any]:
    """A copy of a request body whose medium is a WebSocket at `sample_rate` Hz both ways.

    What the body says of the medium stays, except what the media path depends on: the rates, the
    buffer, and that clears and tool calls are sent to us.
    """
    medium = dict((body.get("medium") or {}).get("serverWebSocket") or {})
    messages = dict(medium.get("dataMessages") or {})
    messages |= {"playbackClearBuffer": True, "clientToolInvocation": True}
    medium.setdefault("mediaIdleTimeout", MEDIA_IDLE_TIMEOUT)
    medium |= {
        "inputSampleRate": sample_rate,
        "outputSampleRate": sample_rate,
        "clientBufferSizeMs": buffer_ms,
        "dataMessages": messages,
    }
    return {**body, "medium": {"serverWebSocket": medium}}


class Api:
    """The REST client of one account. An async context manager."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        deadline_s: float = DEADLINE_S,
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._exchange = Exchange(base_url, api_key, tls=tls)
        self._deadline_s = deadline_s
        self._timeout_s = timeout_s
        self._tls = tls
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def requests(self) -> Counter[str]:
        """Answers by HTTP status; besides, "timeout" and "unreachable"."""
        return self._exchange.requests

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=self._deadline_s)
        await self._exchange.__aexit__(kind, error, trace)

    async def create_call(
        self, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> Created:
        """POST /calls. Raises an AgentError; cancelled, it sees that no call is left waiting."""
        return await self._create("/calls", body, query)

    async def create_agent_call(
        self, agent_id: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> Created:
        """POST /agents/{agent_id}/calls. Raises as `create_call` does."""
        return await self._create(f"/agents/{quote(agent_id, safe='')}/calls", body, query)

    async def end_reason(self, call_id: str) -> str | None:
        """Why a call ended, as GET /calls/{id} says; None while it goes on.

        Raises as `create_call` does.
        """
        reason = (await self._request("GET", f"/calls/{quote(call_id, safe='')}")).get("endReason")
        return reason if isinstance(reason, str) else None

    async def verify_key(self) -> None:
        """Raise AgentRefused when the account does not accept the key."""
        await self._request("GET", "/accounts/me")

    async def _create(
        self, path: str, body: Mapping[str, Any], query: Mapping[str, str] | None
    ) -> Created:
        # A cancelled request may still create a call, so it runs to its end on its own.
        unwanted = asyncio.Event()
        request = self._request("POST", path, body, query, unwanted)
        task = asyncio.create_task(request, name=f"POST {path}")
        self._keep(task)
        try:
            raw = await asyncio.shield(task)
        except asyncio.CancelledError:
            unwanted.set()
            self._keep(asyncio.create_task(_forsake(task, self._tls), name=f"forsake {path}"))
            raise
        return created_of(raw)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        unwanted: asyncio.Event | None = None,
    ) -> dict[str, Any]:
        """Try until it works or the deadline, by the table above; not again once it is unwanted."""
        deadline = time.monotonic() + self._deadline_s
        spare_tries = 1
        while True:
            limit_s = max(min(self._timeout_s, deadline - time.monotonic()), 0.001)
            if body is None:
                answer = await self._exchange.send(method, path, None, query, limit_s)
            else:
                answer = await self._exchange.create(path, body, query, limit_s)
            if isinstance(answer, dict):
                return answer
            pause = answer.pause_s
            if not answer.patient:
                if not spare_tries:
                    raise answer.error
                spare_tries -= 1
            if pause is None or time.monotonic() + pause >= deadline:
                raise answer.error
            log.info("%% %s %s: %s; again in %.1f s", method, path, answer.error, pause)
            if await _waited(pause, unwanted):
                raise answer.error


async def _waited(pause_s: float, over: asyncio.Event | None) -> bool:
    """Wait, but no longer than until it is over; whether it is."""
    if over is None:
        await asyncio.sleep(pause_s)
        return False
    try:
        async with asyncio.timeout(pause_s):
            await over.wait()
    except TimeoutError:
        return False
    return True


async def _forsake(request: "asyncio.Task[dict[str, Any]]", tls: ssl.SSLContext | None) -> None:
    """Leave the call that comes of a request nobody waits for any more."""
    try:
        created = created_of(await request)
    except AgentError:
        return
    await leave(created.join_url, tls=tls)
