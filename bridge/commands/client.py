"""The control API as the command line uses it."""

import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any

import aiohttp

from bridge.config import ControlConfig

__all__ = ["Client", "NotRunning", "Rejected", "Unanswered", "ask"]

CONNECT_TIMEOUT_S = 2.0
REQUEST_TIMEOUT_S = 10.0


class NotRunning(Exception):
    """No service answers at the control address."""


class Unanswered(NotRunning):
    """The service was reached and gave no answer: it may have done what it was told."""


class Rejected(Exception):
    """The service answered with an error."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class Client:
    """Talks to a running service: an async context manager."""

    def __init__(self, config: ControlConfig) -> None:
        if config.listen is None:
            raise NotRunning("control.listen is turned off in the configuration")
        # A service that listens on every address is reached through loopback.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.listen.host, config.listen.host)
        bracketed = f"[{host}]" if ":" in host else host
        self.address = f"http://{bracketed}:{config.listen.port}"
        self._headers = {}
        if config.token is not None:
            self._headers["Authorization"] = f"Bearer {config.token.get_secret_value()}"
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Client":
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        self._http = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def get(self, path: str) -> Any:
        """The JSON at `path`.

        Raises NotRunning, Unanswered or Rejected.
        """
        return await self._request("GET", path, None)

    async def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Post `body` and return the JSON answer.

        Raises NotRunning, Unanswered or Rejected.
        """
        return await self._request("POST", path, body or {}, headers)

    async def follow(self, call_id: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield kind and fields of each event of a call, until it is over.

        Raises Unanswered when the service goes away meanwhile.
        """
        assert self._http is not None
        kind, endless = "", aiohttp.ClientTimeout(total=None)
        try:
            async with self._http.get(
                f"{self.address}/v1/calls/{call_id}/events", timeout=endless
            ) as response:
                await _raise_if_rejected(response)
                async for raw in response.content:
                    line = raw.decode().rstrip("\n")
                    if line.startswith("event: "):
                        kind = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        yield kind, json.loads(line.removeprefix("data: "))
        except aiohttp.ClientError as error:
            raise Unanswered(f"the service at {self.address} went away: {error}") from error

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        assert self._http is not None
        try:
            async with self._http.request(
                method, self.address + path, json=body, headers=headers
            ) as response:
                await _raise_if_rejected(response)
                return await response.json()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotRunning(f"no service answers at {self.address}") from error
        except TimeoutError as error:
            told = f"the service at {self.address} does not answer within {REQUEST_TIMEOUT_S:.0f} s"
            raise Unanswered(told) from error
        except aiohttp.ClientError as error:
            raise Unanswered(f"no proper answer from {self.address}: {error}") from error


async def ask(config: ControlConfig, method: str, path: str) -> Any:
    """The JSON that a running service answers to one request without a body.

    Raises NotRunning or Rejected.
    """
    async with Client(config) as client:
        return await (client.get(path) if method == "GET" else client.post(path))


async def _raise_if_rejected(response: aiohttp.ClientResponse) -> None:
    if response.ok:
        return
    try:
        told = await response.json()
        raise Rejected(response.status, told["error"], told["message"])
    except (aiohttp.ContentTypeError, KeyError, TypeError, ValueError):
        where = f"what answers at {response.url.origin()} is no uvbridge"
        raise Rejected(response.status, "error", f"{where}: HTTP {response.status}") from None
