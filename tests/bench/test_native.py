"""The native load as its users see it: orders in, sockets, columns out."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import time
import urllib.request
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.columns import read_columns
from tests.bench.native.build import built
from tests.bench.worker import Worker

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

HOST = "127.0.0.1"
CORES = {0}
FRAME_BYTES, FRAMES, SILENCE = 160, 1 << 14, b"\xff"
DIGITS = bytes([*range(0xEC, 0xFC), *range(0x6C, 0x7C)])


def mark(identity: int) -> bytes:
    check = 0
    for bit in range(24, -1, -1):
        carry = (check >> 14 ^ identity >> bit) & 1
        check = check << 1 & 0x7FFF ^ (0x4599 if carry else 0)
    whole = identity << 15 | check
    return b"\xfe" + bytes(DIGITS[whole >> shift & 31] for shift in range(35, -1, -5))


def rtp(payload: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, 1, 8000, 7) + payload


@pytest.fixture(scope="module")
def programs() -> dict[str, str]:
    if shutil.which("cc") is None or not Path("/usr/include/openssl/ssl.h").exists():
        pytest.skip("gcc or libssl-dev is missing")
    return {name: built(name) for name in ("phones", "echo")}


@pytest.fixture
def phone(programs: dict[str, str]) -> Iterator[Worker]:
    with Worker(programs["phones"], HOST, "2", cores=CORES) as worker:
        yield worker


@pytest.fixture
def bridge(phone: Worker) -> Iterator[socket.socket]:
    """Whom the second phone talks with."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((HOST, 0))
        bound.connect((HOST, phone.ready["ports"][1]))
        bound.settimeout(5)
        yield bound


def seen(worker: Worker, folder: Path) -> tuple[dict[str, Any], dict[str, list[float]]]:
    said = worker.ask("end", str(folder / "seen"))
    return said, {name: list(each) for name, each in read_columns(folder / "seen").items()}


def test_a_phone_answers_who_speaks_to_it_and_times_the_echo(
    phone: Worker, bridge: socket.socket, tmp_path: Path
) -> None:
    assert phone.ask("begin")["live"] == 0
    bridge.send(rtp(SILENCE * FRAME_BYTES))
    first = bridge.recv(2048)
    assert first[12:21] == mark(FRAMES)
    assert audioop.lin2ulaw(audioop.ulaw2lin(first[12:], 2), 2) == first[12:]
    bridge.send(rtp(SILENCE * 100 + first[12 : 12 + 5]))  # the mark cut in two
    bridge.send(rtp(first[12 + 5 :]))
    bridge.recv(2048)
    assert phone.ask("status")["live"] == 1
    said, columns = seen(phone, tmp_path)
    assert columns["identity"] == [FRAMES]
    assert columns["packet_of"] == [1.0] * 3
    assert columns["packet_time"] == [1.0] * 3
    assert columns["sent_at"][0] < columns["heard_at"][0] == columns["packet_at"][1]
    assert said["sent"] == len(columns["late"])
    assert (said["filled"], said["strange"], said["broken"]) == (0, 0, 0)


def test_marks_that_were_damaged_or_never_sent_are_counted_and_passed_over(
    phone: Worker, bridge: socket.socket, tmp_path: Path
) -> None:
    bridge.send(rtp(SILENCE * FRAME_BYTES))
    bridge.recv(2048)
    damaged = bytearray(mark(FRAMES))
    damaged[5] = DIGITS[3] if damaged[5] != DIGITS[3] else DIGITS[4]
    bridge.send(rtp(bytes(damaged) + SILENCE * 100 + mark(FRAMES + 999) + mark(0)))
    bridge.recv(2048)
    said, columns = seen(phone, tmp_path)
    assert columns["identity"] == []
    assert (said["broken"], said["strange"]) == (1, 2)


def test_silence_counts_as_a_hole_once_the_echo_has_begun(
    phone: Worker, bridge: socket.socket, tmp_path: Path
) -> None:
    phone.ask("begin")
    bridge.send(rtp(SILENCE * FRAME_BYTES))
    bridge.send(rtp(bridge.recv(2048)[12:]))
    bridge.send(rtp(SILENCE * FRAME_BYTES))
    bridge.recv(2048)
    said, columns = seen(phone, tmp_path)
    assert said["filled"] == 1
    assert columns["ended"] == [FRAMES]
    assert columns["ended_at"] == columns["packet_at"][1:2]


@pytest.fixture(params=["ws", "wss"])
def agent(
    request: pytest.FixtureRequest, programs: dict[str, str], tmp_path: Path
) -> Iterator[tuple[Worker, ssl.SSLContext | None]]:
    files, trust = [], None
    if request.param == "wss":
        files = [str(tmp_path / name) for name in ("certificate.pem", "key.pem")]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=bench", "-addext"]
        command += [f"subjectAltName=IP:{HOST}", "-out", files[0], "-keyout", files[1]]
        subprocess.run(command, check=True, capture_output=True)
        trust = ssl.create_default_context(cafile=files[0])
    with Worker(programs["echo"], HOST, *files, cores=CORES) as worker:
        yield worker, trust


def pcm(identity: int) -> bytes:
    return audioop.ulaw2lin(mark(identity) + SILENCE * (FRAME_BYTES - 9), 2)


def join_url(worker: Worker, trust: ssl.SSLContext | None) -> str:
    request = urllib.request.Request(
        worker.ready["api_url"] + "/agents/echo/calls", data=b'{"medium": {}}', method="POST"
    )
    with urllib.request.urlopen(request, context=trust) as response:
        assert response.status == 201
        url: str = json.load(response)["joinUrl"]
        return url


class Ear(WSListener):
    """What an agent says, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard.put_nowait(frame.get_payload_as_bytes())

    async def message(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(await self.heard.get())
        return said


@contextlib.asynccontextmanager
async def joined(
    worker: Worker, trust: ssl.SSLContext | None
) -> AsyncIterator[tuple[WSTransport, Ear]]:
    url = join_url(worker, trust)
    transport, ear = await ws_connect(Ear, url, ssl_context=trust)
    assert isinstance(ear, Ear)
    assert [(await ear.message())["type"] for _ in range(2)] == ["call_started", "state"]
    try:
        yield transport, ear
    finally:
        transport.disconnect(graceful=False)
        await transport.wait_disconnected()


async def test_an_agent_says_what_it_hears_answers_pings_and_closes(
    agent: tuple[Worker, ssl.SSLContext | None], tmp_path: Path
) -> None:
    worker, trust = agent
    async with joined(worker, trust) as (call, ear):
        worker.ask("begin")
        call.send(WSMsgType.BINARY, pcm(5 * FRAMES + 7))
        assert await ear.heard.get() == pcm(5 * FRAMES + 7)
        call.send(WSMsgType.TEXT, b'{"type": "ping", "timestamp": 12.5}')
        assert await ear.message() == {"type": "pong", "timestamp": 12.5}
        _, columns = seen(worker, tmp_path)
        assert columns["identity"] == [5 * FRAMES + 7]
        assert columns["arrived_at"][0] <= columns["returned_at"][0]
        assert worker.ask("close")["calls"] == 1
        assert await ear.heard.get() == (1000).to_bytes(2, "big")


async def test_an_agent_speaks_in_bursts_and_takes_them_back(
    agent: tuple[Worker, ssl.SSLContext | None], tmp_path: Path
) -> None:
    worker, trust = agent
    async with joined(worker, trust) as (call, ear):
        worker.ask("burst")
        for _ in range(75):
            assert (await ear.heard.get())[:18] == audioop.ulaw2lin(mark(0), 2)
        assert await ear.message() == {"type": "playback_clear_buffer"}
        worker.ask("silent")
        call.send(WSMsgType.BINARY, pcm(3))
        _, columns = seen(worker, tmp_path)
        assert columns["cleared"] == [0.0]


def test_calls_that_end_while_columns_are_being_written_are_gone_at_once(
    programs: dict[str, str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "seen")  # whoever writes it waits until it is read
    with Worker(programs["echo"], HOST, cores=CORES) as echo, ThreadPoolExecutor() as pool:
        port = int(echo.ready["api_url"].split(":")[2].split("/")[0])
        callers = [socket.create_connection((HOST, port), timeout=5) for _ in range(20)]
        join_url(echo, None)  # answered once those are accepted
        writing = pool.submit(echo.ask, "end", str(tmp_path / "seen"))
        while not Path(f"/proc/{echo.pid}/task/{echo.pid}/children").read_text():
            time.sleep(0.01)
        try:
            for caller in callers:
                caller.shutdown(socket.SHUT_WR)
                assert caller.recv(1) == b""
                caller.close()
        finally:
            (tmp_path / "seen").read_bytes()
        writing.result()
        join_url(echo, None)
