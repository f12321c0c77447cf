"""An object for each packet, or buffers that are used again."""

import ssl
import struct
from collections.abc import Callable

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.choices.table import Choice, Figures
from tests.bench.choices.talk import FRAME, Heard, agent, talk

HEADER = struct.Struct("!BBHII")
Keep = Callable[[WSFrame], int]
"""Makes an RTP packet of a message; returns how many bytes of audio were in it."""


def objects() -> Keep:
    """A bytes object each for payload and packet."""
    held = b""

    def keep(frame: WSFrame) -> int:
        nonlocal held
        payload = frame.get_payload_as_bytes()
        held = HEADER.pack(0x80, 0, 1, 2, 3) + payload
        return len(payload)

    return keep


def buffers() -> Keep:
    """One bytearray for all packets, and a view of it for each."""
    held = bytearray(2048)
    whole = memoryview(held)

    def keep(frame: WSFrame) -> int:
        payload = frame.get_payload_as_memoryview()
        size = len(payload)
        HEADER.pack_into(held, 0, 0x80, 0, 1, 2, 3)
        whole[HEADER.size : HEADER.size + size] = payload
        return len(whole[: HEADER.size + size]) - HEADER.size

    return keep


class _Listener(WSListener):
    def __init__(self, hear: Heard, keep: Keep) -> None:
        super().__init__()
        self._hear, self._keep = hear, keep

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self._hear(FRAME[: self._keep(frame)])


async def run(make: Callable[[], Keep]) -> Figures:
    async def connect(
        url: str, trust: ssl.SSLContext | None, hear: Heard
    ) -> Callable[[bytes], object]:
        transport, _ = await ws_connect(lambda: _Listener(hear, make()), url, ssl_context=trust)
        return lambda pcm: transport.send(WSMsgType.BINARY, pcm)

    with agent(tls=False) as (url, trust):
        return await talk(url, trust, connect)


def measured(make: Callable[[], Keep]) -> Figures:
    return uvloop.run(run(make))


CHOICE = Choice(
    title="Objects and buffers",
    text="""\
50 calls by picows on uvloop, messages of 20 ms both ways; of each message heard an RTP packet is
made. In Python a view is an object too, and larger than what it saves.""",
    cases={
        "a bytes object for each": lambda: measured(objects),
        "one buffer, and views of it": lambda: measured(buffers),
    },
)

if __name__ == "__main__":
    CHOICE.main()
