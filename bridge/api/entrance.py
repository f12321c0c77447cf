"""The control API's door: how many may be inside, and how long one may stand there without a word.

aiohttp bounds neither, and the descriptors that visitors take are those that calls need. Whoever
has asked for something stays as long as the answer takes: an event stream may be idle for hours.
"""

import asyncio
import logging
import math
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

__all__ = ["Entrance", "Losses"]

log = logging.getLogger("bridge.control")

MAX_CONNECTIONS = 400
"""At once; event streams take `following.MAX_FOLLOWERS` of them at most."""
REQUEST_S = 10.0
"""How long a connection may last before its first request is there, to the end of its head."""
LOOK_S = 1.0
"""How often it is looked whether they are."""
UNREAD_MS = 30_000
"""How long a client may leave an answer unread, or unacknowledged (TCP_USER_TIMEOUT, RFC 5482)."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    b'Content-Length: 70\r\nConnection: close\r\n\r\n{"error": "too-many-connections", '
    b'"message": "no more are taken now"}\n'
)


class Losses(Collector):
    """Connections that the API ended of its own accord, by reason.

    ``full``: there were too many; ``no-request``: none came; ``slow-body``: a request's body did
    not come; ``unread``: an event stream was not read.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Read them now."""
        text = "Connections that the control API cut"
        family = CounterMetricFamily("bridge_api_cut", text, labels=["reason"])
        for reason, count in self.counts.items():
            family.add_metric([reason], count)
        yield family


class Entrance:
    """Where connections of a server come in."""

    def __init__(self, server: web.Server, losses: Losses) -> None:
        self._server = server
        self._losses = losses
        self._loop = asyncio.get_running_loop()
        self._until: dict[web.RequestHandler, float] = {}  # loop time; never, once it has asked
        self._listening: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; the port. Raises OSError where that cannot be."""
        self._listening = await self._loop.create_server(self._receive, host, port)
        for each in self._listening.sockets:  # what is accepted inherits it
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        self._timer = self._loop.call_later(LOOK_S, self._look)
        return int(self._listening.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Take no more; those inside stay."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listening is not None:
            self._listening.close()

    def asked(self, request: web.BaseRequest) -> None:
        """A request has come: its connection may stay."""
        self._until[request.protocol] = math.inf

    def _receive(self) -> asyncio.Protocol:
        if len(self._server.connections) < MAX_CONNECTIONS:
            return self._server()
        self._losses.counts["full"] += 1
        log.warning("= the control API has %d connections open: no more", MAX_CONNECTIONS)
        return _TurnedAway()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_S, self._look)
        now = self._loop.time()
        inside = self._server.connections
        self._until = {each: self._until.get(each, now + REQUEST_S) for each in inside}
        for each, until in self._until.items():
            if now > until:
                self._losses.counts["no-request"] += 1
                each.force_close()


class _TurnedAway(asyncio.Protocol):
    """A connection too many: it is told so, whatever it wanted."""

    def connection_made(self, transport: Any) -> None:  # uvloop's are no asyncio.WriteTransport
        transport.write(_FULL)
        transport.close()
