"""Following a call: its events as server-sent events (WHATWG HTML), to readers of any pace.

The events are kept by the call, bounded, and each reader takes them at its own pace: one that does
not read fills its own socket and no more, and is cut off after a while.
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from aiohttp import web

from bridge.api import replies
from bridge.api.entrance import Losses
from bridge.call import Call
from bridge.chronicle import CallEvent

__all__ = ["Followers"]

log = logging.getLogger("bridge.control")

MAX_FOLLOWERS = 200
"""Event streams at once: each costs a descriptor and a socket's buffer."""
KEEPALIVE_S = 15.0
"""Silence on an event stream after which a comment is sent, so that proxies keep it open."""
STALL_S = 30.0
"""How long a reader may leave its socket full before it is cut off."""
SEND_BUFFER = 64 * 1024
"""Bytes of a stream that the kernel holds, Linux twice as many."""
EVENT_ID_DIGITS = 12
"""The longest Last-Event-ID that is read; ours are shorter."""


class Followers:
    """Everybody who follows a call now."""

    def __init__(self, losses: Losses) -> None:
        self.count = 0
        self._losses = losses

    async def follow(self, request: web.Request, call: Call) -> web.StreamResponse:
        """Stream what happened so far, then what happens, until the call is over."""
        if self.count >= MAX_FOLLOWERS:
            told = f"{MAX_FOLLOWERS} event streams are open"
            return replies.error(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-followers", told)
        self.count += 1
        try:
            response = web.StreamResponse(
                headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
            )
            _narrow(request)
            await response.prepare(request)
            await _stream(response, call.chronicle.follow(_resume_from(request)))
        except TimeoutError:
            self._losses.counts["unread"] += 1
            log.warning("= a follower of call %s does not read, and is cut off", call.id)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionResetError:
            pass  # a reader that goes away in the middle is its own business
        finally:
            self.count -= 1
        return response


async def _stream(response: web.StreamResponse, events: AsyncIterator[CallEvent]) -> None:
    """Write each event as it comes, and a comment where nothing came for long.

    Raises TimeoutError where the reader does not read.
    """
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait([coming], timeout=KEEPALIVE_S)
            if not done:
                await _write(response, ": still here\n\n")
                continue
            event = coming.result()
            if event is None:
                return
            data = json.dumps({"at": round(event.at, 3), **event.fields}, default=str)
            await _write(response, f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n")
            coming = asyncio.ensure_future(anext(events, None))
    finally:
        coming.cancel()


def _narrow(request: web.Request) -> None:
    """Let the kernel hold little for the reader: left to itself it would take megabytes."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(STALL_S):
        await response.write(text.encode())


def _resume_from(request: web.Request) -> int:
    """Where a client that lost the stream wants it again (WHATWG HTML, Last-Event-ID)."""
    last: Any = request.headers.get("Last-Event-ID", "")
    return int(last) + 1 if last.isdecimal() and len(last) <= EVENT_ID_DIGITS else 0
