"""Single requests to Ultravox's REST API: sent, answered or not, counted."""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from bridge.errors import AgentError, AgentTimeout, AgentUnavailable
from bridge.ultravox.answers import (
    PAUSE_S,
    REDIRECTION,
    Failure,
    created_of,
    failure_of,
    object_of,
    text_of,
)
from bridge.ultravox.session import leave
from bridge.ultravox.strays import Strays, marked

__all__ = ["Exchange"]

log = logging.getLogger("bridge.ultravox.api")

LATE_S = 30.0
"""How long the answer to a POST is still awaited that nobody waits for: its call must be ended."""

LIST_S = 5.0
"""How long an answer about calls may take that nobody waits for."""


class Exchange:
    """The HTTP client behind `Api`. An async context manager."""

    def __init__(self, base_url: str, api_key: str, *, tls: ssl.SSLContext | None) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"X-API-Key": api_key}
        self._tls = tls
        self._http: aiohttp.ClientSession | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._strays = Strays(self._listed, leave=self._leave)
        self.requests: Counter[str] = Counter()
        """Answers by HTTP status; besides, "timeout" and "unreachable"."""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls)
        self._http = aiohttp.ClientSession(headers=self._headers, connector=connector)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._late:
            each.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self._strays.close()
        if self._http is not None:
            await self._http.close()

    async def create(
        self, path: str, body: Mapping[str, Any], query: Mapping[str, str] | None, limit_s: float
    ) -> dict[str, Any] | Failure:
        """POST what begins a call; one that comes of it without our being told in time is ended.

        To be run to its end: cancelled, it would not learn of the call.
        """
        body, mark = marked(body, query)
        sent = asyncio.create_task(
            self.send("POST", path, body, query, limit_s + LATE_S), name=f"POST {path}"
        )
        done, _ = await asyncio.wait([sent], timeout=limit_s)
        if done:
            answer = sent.result()
            if isinstance(answer, Failure) and answer.unsure:
                self._strays.seek(mark)
            return answer
        self._strays.seek(mark)
        late = asyncio.create_task(self._forsake(sent, mark), name=f"forsake {path}")
        self._late.add(late)
        late.add_done_callback(self._late.discard)
        return self._timed_out(limit_s)

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        limit_s: float,
    ) -> dict[str, Any] | Failure:
        """Send one request; the object that answers it, or why there is none within `limit_s`."""
        assert self._http is not None, "Exchange is used inside `async with`"
        try:
            async with self._http.request(
                method,
                self.base_url + path,
                json=body,
                params=query,
                timeout=aiohttp.ClientTimeout(total=limit_s),
                allow_redirects=False,
            ) as response:
                self.requests[str(response.status)] += 1
                log.debug("> %s %s < %d", method, path, response.status)
                text = await text_of(response)
                if response.status < REDIRECTION:
                    return object_of(text, self.base_url)
                return failure_of(response.status, response.headers, text)
        except TimeoutError:
            return self._timed_out(limit_s)
        except aiohttp.ClientConnectorCertificateError as error:
            self.requests["unreachable"] += 1
            return Failure(AgentUnavailable(f"{self.base_url}: {error.certificate_error}"), None)
        except (aiohttp.ClientError, UnicodeDecodeError) as error:
            self.requests["unreachable"] += 1
            unsent = isinstance(error, aiohttp.ClientConnectorError)
            told = (
                f"{'cannot reach' if unsent else 'no proper answer from'} {self.base_url}: {error}"
            )
            return Failure(AgentUnavailable(told), PAUSE_S, unsure=not unsent)

    def _timed_out(self, limit_s: float) -> Failure:
        self.requests["timeout"] += 1
        told = f"no answer from {self.base_url} in {limit_s:.1f} s"
        return Failure(AgentTimeout(told), 0.0, unsure=True)

    async def _listed(self, filters: Mapping[str, str]) -> dict[str, Any] | None:
        """GET /calls: those that the filters let through."""
        answer = await self.send("GET", "/calls", None, filters, LIST_S)
        return answer if isinstance(answer, dict) else None

    async def _leave(self, join_url: str) -> None:
        await leave(join_url, tls=self._tls)

    async def _forsake(
        self, sent: "asyncio.Task[dict[str, Any] | Failure]", mark: str | None
    ) -> None:
        """Wait for an answer that comes too late, and end the call that it tells of."""
        try:
            answer = await sent
            if isinstance(answer, dict) or not answer.unsure:
                self._strays.forget(mark)
            if isinstance(answer, dict):
                log.info("= a call that was created too late is ended")
                await self._leave(created_of(answer).join_url)
        except AgentError:
            return
        finally:
            sent.cancel()
