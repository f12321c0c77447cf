"""Which library carries the audio's WebSocket."""

import asyncio
import functools
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import aiohttp
import uvloop
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from tests.bench.choices.table import Choice, Figures
from tests.bench.choices.talk import Connect, Heard, agent, join_picows, talk


class _SansIo(asyncio.Protocol):
    """The sans-I/O half of `websockets`, on a transport of the loop's."""

    def __init__(self, url: str, hear: Heard) -> None:
        self._protocol = ClientProtocol(parse_uri(url))
        self._hear = hear
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass over TLS
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                if event.opcode is Opcode.BINARY:
                    self._hear(bytes(event.data))
            elif not self.opened.done():
                self.opened.set_result(None)
        self._flush()

    def say(self, pcm: bytes) -> None:
        self._protocol.send_binary(pcm)
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._transport.write(data)


async def join_sans_io(
    url: str, trust: ssl.SSLContext | None, hear: Heard
) -> Callable[[bytes], object]:
    where = urlsplit(url)
    _, protocol = await asyncio.get_running_loop().create_connection(
        lambda: _SansIo(url, hear), where.hostname or "", where.port or 0, ssl=trust
    )
    await protocol.opened
    return protocol.say


_SENDING: set[asyncio.Task[None]] = set()


async def join_aiohttp(
    url: str, trust: ssl.SSLContext | None, hear: Heard
) -> Callable[[bytes], object]:
    session = aiohttp.ClientSession()
    socket = await session.ws_connect(url, ssl=trust or True, compress=0)

    async def listen() -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                hear(message.data)

    listening = asyncio.create_task(listen())
    _SENDING.add(listening)

    def say(pcm: bytes) -> None:  # it sends only in coroutines
        task = asyncio.create_task(socket.send_bytes(pcm))
        _SENDING.add(task)
        task.add_done_callback(_SENDING.discard)

    return say


def measured(connect: Connect, *, tls: bool) -> Figures:
    with agent(tls=tls) as (url, trust):
        return uvloop.run(talk(url, trust, connect))


CHOICE = Choice(
    title="WebSocket library",
    text="50 calls on uvloop, messages of 20 ms both ways, all sent by one tick.",
    cases={
        f"{name}, {'wss' if tls else 'ws'}": functools.partial(measured, connect, tls=tls)
        for tls in (False, True)
        for name, connect in (
            ("picows", join_picows),
            ("websockets, sans-I/O", join_sans_io),
            ("aiohttp", join_aiohttp),
        )
    },
)

if __name__ == "__main__":
    CHOICE.main()
