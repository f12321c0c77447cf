"""The stand-in as a whole: the REST API on one port, the calls' WebSockets on another.

POST /api/calls ---> 201 {callId, joinUrl} ---> WebSocket /calls/<id>/server_web_socket?token=…
"""

import asyncio
import contextlib
import logging
import os
import signal
import ssl
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import uvloop
from aiohttp import web
from picows import (
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from bridge.ultravox.standin.agents import AGENTS
from bridge.ultravox.standin.book import CallBook
from bridge.ultravox.standin.call import StandinCall
from bridge.ultravox.standin.callsocket import CallSocket
from bridge.ultravox.standin.rest import Request, Rest
from bridge.ultravox.standin.speech import Speaker

log = logging.getLogger("bridge.ultravox.standin")
_wire_log = logging.getLogger("bridge.ultravox.standin.wire")
_wire_log.setLevel(logging.WARNING)

DEFAULT_LISTEN = "127.0.0.1:8099"
MESSAGE_LIMIT = 1024 * 1024
PORTS = 65536


class Standin:
    """A local Ultravox, as an async context manager.

    `listen` is host:port of the REST API; port 0 takes any. The WebSockets listen on `media_port`,
    by default any. With `api_key` set no other is accepted, else any is. `max_calls` is the
    account's concurrency limit. `voice` is the speech program, None for tones.
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:0",
        *,
        media_port: int = 0,
        tls: ssl.SSLContext | None = None,
        api_key: str | None = None,
        max_calls: int | None = None,
        voice: str | None = "espeak-ng",
    ) -> None:
        host, _, port = listen.rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) < PORTS):
            raise ValueError(f"--listen {listen}: should be host:port")
        self._host, self._listen_port = host.strip("[]") or "127.0.0.1", int(port)
        self._media_port = media_port
        self._tls = tls
        self._speaker = Speaker(program=voice)
        self._book = CallBook(max_calls=max_calls)
        self._rest = Rest(self._book, api_key=api_key, join_url=self._join_url)
        self._sockets: weakref.WeakSet[CallSocket] = weakref.WeakSet()
        self._exits = contextlib.AsyncExitStack()
        self.port = 0

    @property
    def api_url(self) -> str:
        """What a client's api_url has to be."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'s' if self._tls else ''}://{host}:{self.port}/api"

    @property
    def calls(self) -> Mapping[str, StandinCall]:
        """Every call, by id, in the order of their creation."""
        return self._book.calls

    @property
    def requests(self) -> list[Request]:
        """The last requests to the REST API."""
        return list(self._rest.requests)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as exits:
            media = await ws_create_server(
                self._open,
                self._host,
                self._media_port,
                ssl=self._tls,
                logger_name=_wire_log,
                max_frame_size=MESSAGE_LIMIT,
            )
            exits.callback(media.close)
            exits.push_async_callback(self._shut_sockets)
            self._media_port = media.sockets[0].getsockname()[1]
            runner = web.AppRunner(self._rest.application(), access_log=None, shutdown_timeout=0.1)
            exits.push_async_callback(runner.cleanup)
            await runner.setup()
            site = web.TCPSite(runner, self._host, self._listen_port, ssl_context=self._tls)
            await site.start()
            self.port = runner.addresses[0][1]
            exits.callback(self._book.close)
            self._exits = exits.pop_all()
        log.info("= stand-in listens on %s", self.api_url)
        log.info("= its agents, by agent_id: %s", ", ".join(AGENTS))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    def _join_url(self, call: StandinCall, host: str) -> str:
        scheme = "wss" if self._tls else "ws"
        host = f"[{host}]" if ":" in host else host
        path = f"/calls/{call.id}/server_web_socket?token={call.token}"
        return f"{scheme}://{host}:{self._media_port}{path}"

    def _open(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
        """Route a WebSocket: unknown, used or late join URLs get 404."""
        url = urlsplit(request.path.decode("latin-1"))
        parts = url.path.split("/")
        if len(parts) != 4 or parts[1] != "calls" or parts[3] != "server_web_socket":
            return None
        call = self._book.admit(parts[2], parse_qs(url.query).get("token", [""])[0])
        if call is None:
            return None
        if call.settings.agent.name == "refuse-join":
            response = WSUpgradeResponse.create_error_response(403, b"on demand")
            return WSUpgradeResponseWithListener(response, None)
        opened = CallSocket(call, self._speaker)
        self._sockets.add(opened)
        return opened

    async def _shut_sockets(self) -> None:
        await asyncio.gather(*(opened.shut() for opened in self._sockets))


def run(
    listen: str = DEFAULT_LISTEN,
    *,
    media_port: int = 0,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    api_key: str | None = None,
    max_calls: int | None = None,
    voice: str | None = "espeak-ng",
) -> None:
    """Run the stand-in until SIGINT or SIGTERM.

    Raises OSError when it cannot listen or read its certificate, ValueError for another `listen`.
    """
    tls = None
    if tls_cert is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            tls.load_cert_chain(tls_cert, tls_key)
        except OSError as error:
            raise OSError(f"--tls-cert {tls_cert}: {error.strerror or error}") from error
    standin = Standin(
        listen, media_port=media_port, tls=tls, api_key=api_key, max_calls=max_calls, voice=voice
    )
    try:
        uvloop.run(_serve(standin))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "no address of this machine"
        raise OSError(f"cannot listen on {listen}: {why}") from error


async def _serve(standin: Standin) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with standin:
        await stop.wait()
