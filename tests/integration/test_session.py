"""The session against a server that is not ours."""

import asyncio
import json
import logging
import ssl
import struct
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bridge.errors import AgentRefused, AgentTimeout, AgentUnavailable
from bridge.ultravox import receiver as receiver_module
from bridge.ultravox import session as session_module
from bridge.ultravox.close import Close
from bridge.ultravox.connect import connect
from bridge.ultravox.messages import (
    CallStarted,
    Debug,
    HangUp,
    Message,
    PlaybackClearBuffer,
    Unknown,
    UserTextMessage,
    parse,
)
from bridge.ultravox.receiver import FRAMES_A_TURN, Receiver
from bridge.ultravox.session import Session
from bridge.ultravox.trust import trust
from tests.support.agent_server import agent_server, bare_server, upgrade
from tests.support.certificates import PemFiles, self_signed
from tests.support.waiting import PATIENCE_S

STARTED = '{"type":"call_started","callId":"c1"}'
CLEAR = '{"type":"playback_clear_buffer"}'
FRAME = bytes(range(64)) * 5


class Ear:
    """What a session handed on, in its order."""

    def __init__(self) -> None:
        self.heard: list[bytes | Message | Unknown] = []
        self._more = asyncio.Event()

    def add(self, item: bytes | Message | Unknown) -> None:
        self.heard.append(item)
        self._more.set()

    async def until(self, count: int) -> list[bytes | Message | Unknown]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self._more.clear()
                await self._more.wait()
        return self.heard


async def join(url: str, ear: Ear, **options: Any) -> Session:
    return await Session.join(url, on_audio=ear.add, on_message=ear.add, **options)


async def ended(session: Session) -> Close:
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.shield(session.closed)


async def test_audio_and_messages_arrive_in_wire_order() -> None:
    async def agent(ws: ServerConnection) -> None:
        for item in (STARTED, b"\1\2", b"\3\4", CLEAR, b"\5\6"):
            await ws.send(item)
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        heard = await ear.until(5)
        await session.close()
    assert heard == [
        CallStarted(call_id="c1"),
        b"\1\2",
        b"\3\4",
        PlaybackClearBuffer(),
        b"\5\6",
    ]


async def test_uplink_audio_arrives_unchanged() -> None:
    got: asyncio.Queue[Any] = asyncio.Queue()

    async def agent(ws: ServerConnection) -> None:
        async for item in ws:
            got.put_nowait(item)

    async with agent_server(agent) as url:
        session = await join(url, Ear())
        session.send_audio(FRAME)
        assert await asyncio.wait_for(got.get(), PATIENCE_S) == FRAME
        await session.close()
    assert session.stats.sent == 1


async def test_text_is_held_until_the_first_message() -> None:
    early: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    text: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def agent(ws: ServerConnection) -> None:
        early.set_result(await ws.recv(decode=False))
        await ws.send(STARTED)
        text.set_result(await ws.recv(decode=True))
        await ws.wait_closed()

    async with agent_server(agent) as url, asyncio.timeout(PATIENCE_S):
        session = await join(url, Ear())
        session.send(UserTextMessage(text="hello"))
        session.send_audio(FRAME)
        assert await early == FRAME
        assert json.loads(await text) == {"type": "user_text_message", "text": "hello"}
        await session.close()


async def test_text_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "GATE_TIMEOUT_S", 0.05)
    got: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def agent(ws: ServerConnection) -> None:
        got.set_result(await ws.recv())
        await ws.wait_closed()

    async with agent_server(agent) as url:
        session = await join(url, Ear())
        session.send(HangUp())
        assert await asyncio.wait_for(got, PATIENCE_S) == '{"type":"hang_up"}'
        await session.close()


async def test_the_round_trip_is_measured() -> None:
    async def agent(ws: ServerConnection) -> None:
        await ws.send(STARTED)
        async for item in ws:
            ping = json.loads(item)
            await asyncio.sleep(0.05)
            await ws.send(json.dumps({**ping, "type": "pong"}))
            await ws.send('{"type":"debug","message":"done"}')

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        heard = await ear.until(2)
        await session.close()
    assert session.rtt is not None
    assert session.rtt >= 0.05
    assert heard[1] == Debug(message="done")


async def test_fragments_are_joined() -> None:
    async def agent(ws: ServerConnection) -> None:
        await ws.send([STARTED[:9], STARTED[9:]])
        await ws.send([b"\1", b"\2\3", b"\4"])
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        heard = await ear.until(2)
        await session.close()
    assert heard == [CallStarted(call_id="c1"), b"\1\2\3\4"]


async def test_nonsense_is_counted_and_the_call_goes_on() -> None:
    async def agent(ws: ServerConnection) -> None:
        for text in ("{", "[]", '{"type":"state"}', '{"type":"tomorrow"}'):
            await ws.send(text)
        await ws.send(b"\xff\xfe", text=True)
        for pcm in (b"", b"\1", b"\1\2\3"):
            await ws.send(pcm)
        await ws.send(STARTED)
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        heard = await ear.until(3)
        await session.close()
    assert heard[1:] == [b"\1\1\2\3", CallStarted(call_id="c1")]
    assert isinstance(heard[0], Unknown)
    stats = session.stats
    assert (stats.bad_json, stats.unknown, stats.odd_length) == (4, 1, 2)
    assert session.closed.result().clean


async def test_a_sample_that_two_frames_share_is_heard_whole() -> None:
    async def agent(ws: ServerConnection) -> None:
        for pcm in (b"\1\2\3", b"\4\5", b"\6", b"\7\x08"):
            await ws.send(pcm)
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        heard = await ear.until(4)
        await session.close()
    assert heard == [b"\1\2", b"\3\4", b"\5\6", b"\7\x08"]


@pytest.mark.parametrize(
    "boundary", ['{"type":"playback_clear_buffer"}', '{"type":"state","state":"listening"}']
)
async def test_half_a_sample_ends_with_its_utterance(boundary: str) -> None:
    async def agent(ws: ServerConnection) -> None:
        for each in (b"\1\2\3", boundary, b"\4\5"):
            await ws.send(each)
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        heard = await ear.until(3)
        await session.close()
    assert [each for each in heard if isinstance(each, bytes)] == [b"\1\2", b"\4\5"]


@pytest.mark.parametrize(
    ("code", "clean"), [(1000, True), (1001, True), (1008, False), (1011, False), (4598, False)]
)
async def test_the_servers_close_is_reported(code: int, clean: bool) -> None:
    async def agent(ws: ServerConnection) -> None:
        await ws.close(code, "because")

    async with agent_server(agent) as url:
        close = await ended(await join(url, Ear()))
    assert close == Close(code=code, reason="because", ours=False, clean=clean)


async def test_what_was_sent_before_the_close_is_heard() -> None:
    async def agent(ws: ServerConnection) -> None:
        for _ in range(100):
            await ws.send(FRAME)
        await ws.close()

    ear = Ear()
    async with agent_server(agent) as url:
        await ended(await join(url, ear))
    assert ear.heard == [FRAME] * 100


async def test_a_broken_connection_is_no_clean_end() -> None:
    async def agent(ws: ServerConnection) -> None:
        ws.transport.abort()

    async with agent_server(agent) as url:
        close = await ended(await join(url, Ear()))
    assert (close.code, close.ours, close.clean) == (1006, False, False)


async def test_our_own_close_is_clean_and_idempotent() -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def agent(ws: ServerConnection) -> None:
        await ws.wait_closed()
        codes.put_nowait(ws.close_code)

    async with agent_server(agent) as url:
        session = await join(url, Ear())
        await asyncio.gather(session.close(), session.close())
        await session.close()
        session.send_audio(FRAME)
        session.send(HangUp())
        assert await asyncio.wait_for(codes.get(), PATIENCE_S) == 1000
    assert session.closed.result() == Close(code=1000, ours=True, clean=True)
    assert session.stats.sent == 0


async def test_a_server_that_never_answers_our_close_is_normal() -> None:
    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await asyncio.Event().wait()

    async with bare_server(agent) as url:
        session = await join(url, Ear())
        await session.close()
    assert session.closed.result() == Close(code=1000, ours=True, clean=True)


async def test_an_oversized_message_ends_the_session() -> None:
    async def agent(ws: ServerConnection) -> None:
        await ws.send(bytes(5 * 1024 * 1024))
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        close = await ended(session)
    assert (close.code, close.ours, close.clean) == (1009, True, False)
    assert session.stats.oversize == 1
    assert ear.heard == []


async def test_an_oversized_message_in_fragments_ends_the_session() -> None:
    async def agent(ws: ServerConnection) -> None:
        try:
            await ws.send([bytes(1024 * 1024)] * 5)
        except ConnectionClosed:
            return

    async with agent_server(agent) as url:
        session = await join(url, Ear())
        assert (await ended(session)).code == 1009
    assert session.stats.oversize == 1


@pytest.mark.parametrize(
    "frames",
    [
        b"\xc2\x02\x00\x00",  # compressed, though no compression was agreed
        b"\x80\x02\x00\x00",  # a continuation of nothing
        b"\x02\x02\x00\x00\x82\x02\x00\x00",  # a new message inside a fragmented one
        b"\x83\x02\x00\x00",  # a reserved opcode
    ],
)
async def test_frames_against_the_rules_end_the_session(frames: bytes) -> None:
    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frames)
        await reader.read()

    ear = Ear()
    async with bare_server(agent) as url:
        close = await ended(await join(url, ear))
    assert (close.code, close.clean) == (1002, False)
    assert ear.heard == []


async def test_a_fault_in_a_callback_ends_the_session_with_a_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def agent(ws: ServerConnection) -> None:
        await ws.send(FRAME)
        await ws.wait_closed()

    def deaf(_: bytes) -> None:
        raise ZeroDivisionError

    async with agent_server(agent) as url:
        session = await Session.join(url, on_audio=deaf, on_message=lambda _: None)
        close = await ended(session)
    assert (close.code, close.clean) == (1011, False)
    assert any(record.exc_info for record in caplog.records)


async def test_a_stalled_socket_drops_the_oldest_audio_and_no_text() -> None:
    stalled, resume = asyncio.Event(), asyncio.Event()
    frames: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(b"\x81" + struct.pack("B", len(STARTED)) + STARTED.encode())
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        stalled.set()
        await resume.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        while True:
            frames.put_nowait(await read_frame(reader))

    ear = Ear()
    async with bare_server(agent) as url, asyncio.timeout(PATIENCE_S):
        session = await join(url, ear)
        await ear.until(1)
        await stalled.wait()
        number = 0
        while session.stats.dropped < 100:
            number += 1
            session.send_audio(struct.pack("<I", number) + bytes(8188))
            if number % 50 == 0:
                await asyncio.sleep(0)
        session.send(UserTextMessage(text="still here"))
        resume.set()
        got: list[int] = []
        texts: list[str] = []
        while not (got and got[-1] == number and texts):
            opcode, payload = await frames.get()
            if opcode == 2:
                got.append(struct.unpack_from("<I", payload)[0])
            elif b"still" in payload:
                texts.append(payload.decode())
        await session.close()
    missing = set(range(1, number + 1)) - set(got)
    assert len(missing) == session.stats.dropped
    assert got[-50:] == list(range(number - 49, number + 1))


@pytest.mark.parametrize("pongs", [0, 1])
async def test_a_server_that_answered_pings_and_falls_silent_is_given_up(
    monkeypatch: pytest.MonkeyPatch, pongs: int
) -> None:
    monkeypatch.setattr(session_module, "PING_INTERVAL_S", 0.05)

    async def agent(ws: ServerConnection) -> None:
        await ws.send(STARTED)
        for _ in range(pongs):
            await ws.send(json.dumps({**json.loads(await ws.recv()), "type": "pong"}))
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        await asyncio.wait([session.closed], timeout=0.6)
        lost = session.closed.done()
        await session.close()
    assert lost == bool(pongs)  # who never answers pings has only not been asked for them
    if lost:
        close = session.closed.result()
        assert (close.code, close.clean) == (1006, False)
        assert close.reason.startswith("no sign of life")


async def test_a_server_that_speaks_instead_of_answering_pings_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "PING_INTERVAL_S", 0.2)

    async def agent(ws: ServerConnection) -> None:
        await ws.send(STARTED)
        await ws.send(json.dumps({**json.loads(await ws.recv()), "type": "pong"}))
        for _ in range(50):
            await ws.send(FRAME)
            await asyncio.sleep(0.02)
        await ws.send('{"type":"debug","message":"done"}')
        await ws.wait_closed()

    ear = Ear()
    async with agent_server(agent) as url:
        session = await join(url, ear)
        assert (await ear.until(52))[-1] == Debug(message="done")
        await session.close()
    assert session.closed.result().clean


@pytest.mark.parametrize("started", [True, False])
async def test_a_server_that_takes_no_text_is_given_up(started: bool) -> None:
    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        if started:
            writer.write(b"\x81" + struct.pack("B", len(STARTED)) + STARTED.encode())
        await asyncio.sleep(2 * PATIENCE_S)

    ear = Ear()
    async with bare_server(agent) as url, asyncio.timeout(PATIENCE_S):
        session = await join(url, ear)
        if started:
            await ear.until(1)
        sent = 0
        while not session.closed.done():
            sent += 1
            session.send(UserTextMessage(text="x" * 10_000))
            if sent % 10 == 0:
                await asyncio.sleep(0)
        close = await ended(session)
    # A megabyte waits here, and up to some more in the kernel's buffers.
    assert sent < 2000
    assert (close.code, close.clean) == (1006, False)


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One masked frame, unmasked (RFC 6455 section 5.2)."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    payload = bytearray(await reader.readexactly(size))
    for place in range(4):
        payload[place::4] = bytes(byte ^ mask[place] for byte in payload[place::4])
    return first & 0x0F, bytes(payload)


def showing(files: PemFiles) -> ssl.SSLContext:
    """What a server with this certificate shows."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.private_key)
    return server


async def returning(ws: ServerConnection) -> None:
    """An agent that sends all back."""
    async for item in ws:
        await ws.send(item)


def both_ends(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server shows, and what trusts it."""
    files = self_signed(folder)
    return showing(files), ssl.create_default_context(cafile=files.certificate)


class Turns:
    """Counts what happens in each turn of the loop."""

    def __init__(self) -> None:
        self.counts: list[int] = [0]
        self._loop = asyncio.get_running_loop()
        self._next()

    def count(self, _item: object) -> None:
        self.counts[-1] += 1

    def _next(self) -> None:
        if self.counts[-1]:
            self.counts.append(0)
        self._handle = self._loop.call_soon(self._next)

    def stop(self) -> None:
        self._handle.cancel()


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("kind", ["text", "audio", "nonsense"])
async def test_thousands_of_frames_at_once_hold_the_loop_in_no_turn(
    tmp_path: Path, *, secure: bool, kind: str
) -> None:
    item = {"text": CLEAR.encode(), "audio": b"\1\2", "nonsense": b"{}"}[kind]
    many = 5_000
    server, trust = both_ends(tmp_path) if secure else (None, None)

    async def agent(ws: ServerConnection) -> None:
        ws.transport.write((bytes([0x82 if kind == "audio" else 0x81, len(item)]) + item) * many)
        await ws.send("over")
        await ws.close()

    turns = Turns()
    receiver = Receiver(turns.count, turns.count, name="burst")

    def read(text: str) -> Message | Unknown:
        turns.count(text)
        return parse(text)

    async with agent_server(agent, tls=server) as url:
        with mock.patch.object(receiver_module, "parse", read if kind == "nonsense" else parse):
            transport = await connect(url, receiver, timeout_s=20, tls=trust)
            session = Session(transport, receiver, name="burst")
            close = await ended(session)
    turns.stop()
    assert close.code == 1000
    assert sum(turns.counts) in (many, many + 1)
    assert max(turns.counts) <= FRAMES_A_TURN
    assert session.stats.bad_json == (many + 1 if kind == "nonsense" else 1)


async def test_what_came_before_a_broken_connection_is_heard_to_its_end_and_in_order() -> None:
    frames = [bytes([number % 251, 1]) for number in range(1000)]

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(b"".join(b"\x82\x02" + frame for frame in frames))
        await writer.drain()
        writer.close()

    ear = Ear()
    async with bare_server(agent) as url:
        session = await join(url, ear)
        close = await ended(session)
    assert close.code == 1006
    assert ear.heard == frames


async def test_a_server_that_never_says_anything_counts_as_dead(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiver_module, "FIRST_S", 0.2)

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await reader.read()

    async with bare_server(agent) as url:
        close = await ended(await join(url, Ear()))
    assert (close.code, close.clean) == (1006, False)
    assert "says nothing for 0.2 s after the join" in caplog.text


@pytest.mark.parametrize("first", [b"\x81\x02{}", b"\x82\x02\1\2"])
async def test_a_server_that_has_said_something_may_be_silent(
    monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(receiver_module, "FIRST_S", 0.2)

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(first)
        await reader.read()

    async with bare_server(agent) as url:
        session = await join(url, Ear())
        await asyncio.sleep(0.5)
        assert not session.closed.done()
        await session.close()


async def test_a_server_that_closes_the_session_but_not_its_connection_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_module, "CLOSE_TIMEOUT_S", 0.2)
    server, trust = both_ends(tmp_path)

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"\x88\x02\x03\xe8")
        await asyncio.sleep(2 * PATIENCE_S)

    async with bare_server(agent, tls=server) as url:
        close = await ended(await join(url, Ear(), tls=trust))
    assert close == Close(code=1000, ours=False, clean=True)


async def test_a_broken_protocol_behind_a_burst_ends_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(b"\x82\x02\1\2" * 500 + b"\x80\x02\1\2" + b"\x82\x02\3\4" * 500)
        await reader.read()

    ear = Ear()
    async with bare_server(agent) as url:
        close = await ended(await join(url, ear))
    assert (close.code, close.reason) == (1002, "fragments out of order")
    assert ear.heard == [b"\1\2"] * 500
    assert "fragments out of order" in caplog.text


async def test_a_refused_join_says_where_and_not_the_url() -> None:
    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with bare_server(agent) as url:
        with pytest.raises(
            AgentRefused, match=r"^127\.0\.0\.1:\d+ refused the join with HTTP 404$"
        ):
            await join(url, Ear())


async def test_a_failing_server_is_unavailable() -> None:
    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with bare_server(agent) as url:
        with pytest.raises(AgentUnavailable, match="HTTP 502"):
            await join(url, Ear())


async def test_a_server_that_hangs_up_in_the_handshake_is_unavailable() -> None:
    async def agent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with bare_server(agent) as url:
        with pytest.raises(AgentUnavailable, match="cannot reach"):
            await join(url, Ear())


async def test_a_silent_server_times_out() -> None:
    async def agent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with bare_server(agent) as url:
        with pytest.raises(AgentTimeout, match=r"within 0\.1 s"):
            await join(url, Ear(), connect_timeout_s=0.1)


async def test_a_closed_port_is_unavailable() -> None:
    async with bare_server(upgrade) as url:
        pass
    with pytest.raises(AgentUnavailable, match=r"cannot reach 127\.0\.0\.1:\d+"):
        await join(url, Ear())


@pytest.mark.parametrize("url", ["", "nonsense", "http://127.0.0.1/", "ws://[::1"])
async def test_what_is_no_web_socket_url_is_refused(url: str) -> None:
    with pytest.raises(AgentRefused, match="not a WebSocket URL"):
        await join(url, Ear())


async def test_a_cancelled_join_leaves_no_connection() -> None:
    arrived, released = asyncio.Event(), asyncio.Event()
    rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await released.wait()
        await upgrade(reader, writer)
        rest.set_result(await reader.read())

    async with bare_server(agent) as url, asyncio.timeout(PATIENCE_S):
        joining = asyncio.create_task(join(url, Ear()))
        await arrived.wait()
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining
        released.set()
        assert (await rest)[:1] in (b"", b"\x88")


async def test_sessions_run_over_tls(tmp_path: Path) -> None:
    files = self_signed(tmp_path)

    ear = Ear()
    async with agent_server(returning, tls=showing(files)) as url:
        session = await join(url, ear, tls=trust(files.certificate))
        session.send_audio(FRAME)
        assert await ear.until(1) == [FRAME]
        await session.close()


async def test_a_session_over_tls_needs_no_place_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = self_signed(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "read-only"))

    ear = Ear()
    async with agent_server(returning, tls=showing(files)) as url:
        session = await join(url, ear, tls=trust(files.certificate))
        session.send_audio(FRAME)
        assert await ear.until(1) == [FRAME]
        await session.close()


async def test_the_certificate_of_another_host_is_named(tmp_path: Path) -> None:
    files = self_signed(tmp_path, name="other.example", address="127.0.0.9")

    async def agent(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async with agent_server(agent, tls=showing(files)) as url:
        with pytest.raises(AgentUnavailable, match=r"certificate of 127.0.0.1:\d+: IP address mis"):
            await join(url, Ear(), tls=trust(files.certificate))


async def test_an_untrusted_certificate_is_named(tmp_path: Path) -> None:
    files = self_signed(tmp_path)

    async def agent(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async with agent_server(agent, tls=showing(files)) as url:
        with pytest.raises(AgentUnavailable, match=r"certificate of 127\.0\.0\.1:\d+: self-signed"):
            await join(url, Ear())


async def test_an_expired_certificate_is_named(tmp_path: Path) -> None:
    files = self_signed(tmp_path, begins_days=-9, ends_days=-1)

    async def agent(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async with agent_server(agent, tls=showing(files)) as url:
        with pytest.raises(AgentUnavailable, match="certificate has expired"):
            await join(url, Ear(), tls=trust(files.certificate))


async def test_the_join_url_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)

    async def agent(ws: ServerConnection) -> None:
        await ws.send(STARTED)
        await ws.close(1008)

    async with agent_server(agent) as url:
        logging.getLogger("websockets").setLevel(logging.WARNING)
        await ended(await join(url, Ear()))
    assert caplog.records
    assert "/calls/secret" not in caplog.text
