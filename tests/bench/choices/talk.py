"""Calls over WebSockets to the benchmark's echoing agent, and what a frame both ways costs."""

import asyncio
import gc
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.choices.table import Figures
from tests.bench.lab import HOST
from tests.bench.native.build import built
from tests.bench.worker import Worker

__all__ = ["CALLS", "Connect", "Heard", "agent", "join_picows", "talk"]

CALLS = 50
SETTLE_S, WINDOW_S = 0.7, 2.5
FRAME = bytes(320)
BEATS = 20
"""Of a millisecond each; calls are spread over them."""

Heard = Callable[[bytes], None]
Connect = Callable[[str, ssl.SSLContext | None, Heard], Awaitable[Callable[[bytes], object]]]
"""Opens a WebSocket; what is heard goes to the callback, what is said to what it returns."""


@contextmanager
def agent(*, tls: bool, openssl: str = "") -> Iterator[tuple[str, ssl.SSLContext | None]]:
    """A running agent: its URL, and whom to trust. `openssl` is a configuration for its TLS."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    others = (os.sched_getaffinity(0) - cores) or cores
    os.sched_setaffinity(0, cores)
    with tempfile.TemporaryDirectory() as folder:
        files, trust, command = [], None, [built("echo"), HOST]
        if tls:
            files = [str(Path(folder) / name) for name in ("certificate.pem", "key.pem")]
            _certify(*files)
            trust = ssl.create_default_context(cafile=files[0])
        if openssl:
            path = Path(folder) / "openssl.cnf"
            path.write_text(openssl)
            command = ["env", f"OPENSSL_CONF={path}", *command]
        with Worker(*command, *files, cores=others) as worker:
            url: str = worker.ready["api_url"].replace("http", "ws", 1)
            yield url, trust


def _certify(certificate: str, key: str) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=bench", "-addext"]
    command += [f"subjectAltName=IP:{HOST}", "-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)


def _freeze() -> None:
    gc.collect()
    gc.freeze()


async def talk(
    url: str,
    trust: ssl.SSLContext | None,
    connect: Connect,
    *,
    frames: int = 1,
    prepare: Callable[[], None] = _freeze,
) -> Figures:
    """CPU of 20 ms said and heard, in microseconds; `frames` of them go in each message.

    `prepare` is called once all are connected.
    """
    heard = 0

    def hear(pcm: bytes) -> None:
        nonlocal heard
        heard += len(pcm)

    says = [await connect(url, trust, hear) for _ in range(CALLS)]
    prepare()
    loop = asyncio.get_running_loop()
    message, every = FRAME * frames, BEATS * frames
    start, beat = loop.time(), 0

    def on_beat() -> None:
        nonlocal beat
        for number in range(beat % every, CALLS, every):
            says[number](message)
        beat += 1
        loop.call_at(start + beat / 1000, on_beat)

    on_beat()
    await asyncio.sleep(SETTLE_S)
    begun, before = heard, time.process_time()
    await asyncio.sleep(WINDOW_S)
    spent, echoed = time.process_time() - before, (heard - begun) / len(FRAME)
    expected = CALLS * 50 * WINDOW_S
    if echoed < 0.9 * expected:
        raise RuntimeError(f"{echoed:.0f} frames of {expected:.0f} were echoed")
    return {"us of CPU for 20 ms both ways": 1e6 * spent / echoed}


class _Listener(WSListener):
    def __init__(self, hear: Heard) -> None:
        super().__init__()
        self._hear = hear

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self._hear(frame.get_payload_as_bytes())


async def join_picows(
    url: str, trust: ssl.SSLContext | None, hear: Heard
) -> Callable[[bytes], object]:
    """By picows, as the bridge does."""
    transport, _ = await ws_connect(lambda: _Listener(hear), url, ssl_context=trust)
    send, binary = transport.send, WSMsgType.BINARY
    return lambda pcm: send(binary, pcm)
