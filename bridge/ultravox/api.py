"""Ultravox's REST API, as far as a bridge needs it: create a call, and know that the key is good.

A phone is ringing while these requests run, so everything happens within one deadline:

    429, 503          again after Retry-After, while the deadline allows
    timeout, no link  once more; the first try may have made a call, which then ends unjoined
    502, 504          once more
    any other 4xx     never again: the request or the key is wrong
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

import aiohttp

from bridge.errors import AgentError, AgentTimeout, AgentUnavailable
from bridge.ultravox.answers import (
    PAUSE_S,
    REDIRECTION,
    Created,
    Failure,
    created_of,
    failure_of,
    object_of,
    text_of,
)
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
        self._base_url = base_url.rstrip("/")
        self._headers = {"X-API-Key": api_key}
        self._deadline_s = deadline_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._tls = tls
        self._http: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self.requests: Counter[str] = Counter()
        """Answers by HTTP status; besides, "timeout" and "unreachable"."""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls)
        self._http = aiohttp.ClientSession(
            headers=self._headers, timeout=self._timeout, connector=connector
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=self._deadline_s)
        if self._http is not None:
            await self._http.close()

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
        task = asyncio.create_task(self._request("POST", path, body, query), name=f"POST {path}")
        self._keep(task)
        try:
            raw = await asyncio.shield(task)
        except asyncio.CancelledError:
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
    ) -> dict[str, Any]:
        """Try until it works or the deadline, by the table above."""
        deadline = time.monotonic() + self._deadline_s
        spare_tries = 1
        while True:
            answer = await self._try(method, path, body, query, deadline)
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
            await asyncio.sleep(pause)

    async def _try(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        deadline: float,
    ) -> dict[str, Any] | Failure:
        assert self._http is not None, "Api is used inside `async with`"
        left = min(self._timeout.total or 0.0, deadline - time.monotonic())
        try:
            async with self._http.request(
                method,
                self._base_url + path,
                json=body,
                params=query,
                timeout=aiohttp.ClientTimeout(total=max(left, 0.001)),
                allow_redirects=False,
            ) as response:
                self.requests[str(response.status)] += 1
                log.debug("> %s %s < %d", method, path, response.status)
                text = await text_of(response)
                if response.status < REDIRECTION:
                    return object_of(text, self._base_url)
                return failure_of(response.status, response.headers, text)
        except TimeoutError:
            self.requests["timeout"] += 1
            return Failure(AgentTimeout(f"no answer from {self._base_url} in {left:.1f} s"), 0.0)
        except aiohttp.ClientConnectorCertificateError as error:
            self.requests["unreachable"] += 1
            return Failure(AgentUnavailable(f"{self._base_url}: {error.certificate_error}"), None)
        except (aiohttp.ClientError, UnicodeDecodeError) as error:
            self.requests["unreachable"] += 1
            return Failure(AgentUnavailable(f"cannot reach {self._base_url}: {error}"), PAUSE_S)


async def _forsake(request: "asyncio.Task[dict[str, Any]]", tls: ssl.SSLContext | None) -> None:
    """Leave the call that comes of a request nobody waits for any more."""
    try:
        created = created_of(await request)
    except AgentError:
        return
    await leave(created.join_url, tls=tls)
