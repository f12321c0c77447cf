"""An Ultravox whose agents say what they hear, at once: the other end of the benchmark.

    python -m tests.bench.echo HOST [CERTIFICATE KEY]

It speaks the same REST and WebSocket as `uvbridge standin` but does less, so that the load costs
less than what it loads, and it notes when each marked frame reached it. Orders on standard input:
`begin` a window, `end FILE` it and write what was seen (numpy .npz), `close` all calls.
"""

import asyncio
import gc
import json
import os
import ssl
import sys
import time
import uuid
import warnings
from array import array
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from tests.bench.columns import write_columns
from tests.bench.marker import Finder

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

_BINARY: Final = WSMsgType.BINARY
_TEXT: Final = WSMsgType.TEXT
TICK_S = 0.005
"""How often the loop's own lateness is taken; its timers count in whole milliseconds."""


class Echo:
    """All calls of one echoing agent, and what passed through them in the current window."""

    def __init__(self, *, host: str, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._tls = tls
        self.calls: set[WSTransport] = set()
        self.begin()

    def begin(self) -> None:
        """Forget what was seen."""
        self.identity, self.arrived_at = array("d"), array("d")
        self.late = array("d")

    def write(self, path: Path) -> None:
        """Write the window's columns: frames, when each arrived, and the loop's lateness."""
        columns = {"identity": self.identity, "arrived_at": self.arrived_at, "late": self.late}
        write_columns(path, columns)

    async def serve(self) -> None:
        """Run until the input ends."""
        media = await ws_create_server(lambda _: _Call(self), self._host, 0, ssl=self._tls)
        self._media_port: int = media.sockets[0].getsockname()[1]
        app = web.Application()
        app.add_routes(
            [
                web.post("/api/calls", self._create),
                web.post("/api/agents/{agent}/calls", self._create),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, self._host, 0, ssl_context=self._tls).start()
        scheme = "https" if self._tls else "http"
        port = runner.addresses[0][1]
        print(json.dumps({"api_url": f"{scheme}://{self._host}:{port}/api"}), flush=True)
        watching = asyncio.create_task(self._watch_lateness())
        left = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._obey, left)
        await left.wait()
        watching.cancel()
        await runner.cleanup()

    async def _create(self, _: web.Request) -> web.Response:
        call_id = str(uuid.uuid4())
        scheme = "wss" if self._tls else "ws"
        url = f"{scheme}://{self._host}:{self._media_port}/calls/{call_id}/server_web_socket"
        return web.json_response({"callId": call_id, "joinUrl": url}, status=201)

    async def _watch_lateness(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + TICK_S, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            self.late.append(time.monotonic() - due)

    def _obey(self, left: asyncio.Event) -> None:
        order = os.read(sys.stdin.fileno(), 4096).decode().split()
        match order:
            case []:
                left.set()
                return
            case ["begin"]:
                self.begin()
            case ["end", path]:
                self.write(Path(path))
            case ["close"]:
                for transport in list(self.calls):
                    transport.send_close(WSCloseCode.OK)
            case _:
                raise ValueError(f"unknown order {order}")
        print(json.dumps({"calls": len(self.calls)}), flush=True)


class _Call(WSListener):
    """One joined call."""

    def __init__(self, echo: Echo) -> None:
        super().__init__()
        self._echo = echo
        self._finder = Finder()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._echo.calls.add(transport)
        transport.send(_TEXT, json.dumps({"type": "call_started", "callId": ""}))
        transport.send(_TEXT, json.dumps({"type": "state", "state": "listening"}))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == _BINARY:
            now = time.monotonic()
            pcm = frame.get_payload_as_bytes()
            transport.send(_BINARY, pcm)
            for identity, at in self._finder.feed(audioop.lin2ulaw(pcm, 2), now):
                self._echo.identity.append(identity)
                self._echo.arrived_at.append(at)
        elif kind == _TEXT:
            message = json.loads(frame.get_payload_as_bytes())
            if message["type"] == "ping":
                pong = {"type": "pong", "timestamp": message["timestamp"]}
                transport.send(_TEXT, json.dumps(pong))
        elif kind == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._echo.calls.discard(transport)


def main() -> None:
    tls = None
    if len(sys.argv) > 2:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*sys.argv[2:4])
    gc.freeze()
    uvloop.run(Echo(host=sys.argv[1], tls=tls).serve())


if __name__ == "__main__":
    main()
