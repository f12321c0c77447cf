"""A WebSocket server of somebody else's making (websockets), to play an agent's end by hand."""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve

__all__ = ["agent_server", "bare_server", "upgrade"]

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Script = Callable[[ServerConnection], Awaitable[None]]
Bare = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def agent_server(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve every connection by `script`; yields the URL to join."""
    async with serve(script, "127.0.0.1", 0, ssl=tls, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws{'s' if tls else ''}://127.0.0.1:{port}/calls/secret"


@asynccontextmanager
async def bare_server(script: Bare, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve TCP connections by `script`, WebSocket or not; yields the URL to join."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"ws{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/calls/secret"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept the WebSocket handshake (RFC 6455 section 4.2.2), and nothing more."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    line = next(
        line for line in request.split("\r\n") if line.lower().startswith("sec-websocket-k")
    )
    key = line.partition(":")[2].strip()
    accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
    )
