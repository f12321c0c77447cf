"""The WebSocket of one Ultravox call: PCM and data messages both ways, on picows.

    uplink PCM ---> send_audio --.                 .--> on_audio(pcm)
                                 |--- WebSocket ---|
    messages -----> send --------'                 '--> on_message(message)

Frames are handled in the socket's own callback, in wire order, without a task or a queue between:
a `playback_clear_buffer` can neither overtake the audio it is meant for nor be overtaken by it.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from picows import WSCloseCode, WSMsgType, WSProtocolError, WSTransport

from bridge.errors import AgentError
from bridge.ultravox.close import Close, ended, oversize
from bridge.ultravox.connect import connect
from bridge.ultravox.messages import Message, Ping, Pong, Unknown, serialize
from bridge.ultravox.receiver import Receiver
from bridge.ultravox.session_stats import SessionStats

log = logging.getLogger("bridge.ultravox.session")

CONNECT_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 1.0
"""How long the server may take to answer our Close; it often never does (pipecat issue 4518)."""
PING_INTERVAL_S = 5.0
SILENT_INTERVALS: Final = 3
"""Ping intervals in which a server that has answered pings sends nothing, before it counts as dead:
a proxy between us may keep the connection up for it."""
GATE_TIMEOUT_S: Final = 2.0
"""How long text waits for the server's first message (call_started), before it is sent anyway."""
STALL_CAPACITY: Final = 50
"""Audio frames kept while the socket is stalled: 1 s of 20 ms."""
TEXT_CAPACITY: Final = 1024 * 1024
"""Characters of text that may wait for a stalled socket; with more the session is lost."""

_BINARY: Final = WSMsgType.BINARY
_TEXT: Final = WSMsgType.TEXT


class Session:
    """One joined call. It does not reconnect: a join URL serves once."""

    def __init__(self, transport: WSTransport, receiver: Receiver, *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport | None = transport
        self._receiver = receiver
        self._transmit: Callable[[WSMsgType, bytes | str], None] = transport.send
        self._name = name
        self._open = True
        self._closing = False
        self._held: deque[bytes] = deque(maxlen=STALL_CAPACITY)
        self._gated: list[str] | None = []
        self._text_waiting = 0  # characters since the socket last took some
        self._pinged_at: float | None = None
        self._arrived = 0
        self._silent = 0  # ping intervals in a row
        self._broken = "connection broken"
        self.rtt: float | None = None
        """Seconds from the last ping to its pong; uvloop's own clock is too coarse for it."""
        self.stats: SessionStats = receiver.stats
        self.closed: asyncio.Future[Close] = self._loop.create_future()
        self._timer = self._loop.call_later(GATE_TIMEOUT_S, self._open_gate)
        watch = self._watch_transport(transport)
        self._watch = self._loop.create_task(watch, name=f"{name} session")
        receiver.attach(on_first=self._open_gate, on_pong=self._ponged, on_resume=self._resumed)

    @classmethod
    async def join(
        cls,
        join_url: str,
        *,
        on_audio: Callable[[bytes], None],
        on_message: Callable[[Message | Unknown], None],
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
        name: str = "agent",
    ) -> "Session":
        """Open the join URL. The callbacks run in wire order and may begin before this returns.

        Raises AgentTimeout, AgentUnavailable (unreachable, certificate) or AgentRefused (HTTP 4xx).
        """
        receiver = Receiver(on_audio, on_message, name=name)
        transport = await connect(join_url, receiver, timeout_s=connect_timeout_s, tls=tls)
        return cls(transport, receiver, name=name)

    def send_audio(self, pcm: bytes) -> None:
        """Send uplink PCM. While the socket is stalled the oldest is dropped and counted."""
        if not self._open:
            return
        if self._receiver.stalled:
            self._hold(pcm)
            return
        self._transmit(_BINARY, pcm)
        self.stats.sent += 1

    def send(self, message: Message) -> None:
        """Send a data message; never dropped while the socket lives, held until call_started.

        A socket that takes none until `TEXT_CAPACITY` waits is given up.
        """
        if not self._open:
            return
        log.debug("%s > %s", self._name, message)
        text = serialize(message)
        if self._gated is not None or self._receiver.stalled:
            self._text_waiting += len(text)
            if self._text_waiting > TEXT_CAPACITY:
                self._broken = f"{self._text_waiting} characters wait for it"
                log.warning("%s = server takes no text: %s", self._name, self._broken)
                self._open = False
                if self._transport is not None:
                    self._transport.disconnect(graceful=False)
                return
        if self._gated is not None:
            self._gated.append(text)
            return
        self._send_text(text)

    async def close(self) -> None:
        """Close the socket, which ends the call. Idempotent."""
        if self._open and self._transport is not None:
            self._closing = True
            self._open = False
            self._transport.send_close(WSCloseCode.OK)
        try:
            await asyncio.wait([self._watch], timeout=CLOSE_TIMEOUT_S)
        finally:
            if self._transport is not None:
                self._transport.disconnect(graceful=False)
        await asyncio.shield(self.closed)

    def _send_text(self, text: str) -> None:
        self._transmit(_TEXT, text)

    def _hold(self, pcm: bytes) -> None:
        if len(self._held) == STALL_CAPACITY:
            self.stats.dropped += 1
        self._held.append(pcm)

    def _resumed(self) -> None:
        log.debug("%s = socket writable again, %d frames held", self._name, len(self._held))
        self._text_waiting = 0
        while self._held:
            self._transmit(_BINARY, self._held.popleft())
            self.stats.sent += 1

    def _open_gate(self) -> None:
        if self._gated is None or not self._open:
            return
        gated, self._gated = self._gated, None
        self._text_waiting = 0
        self._timer.cancel()
        for text in gated:
            self._send_text(text)
        self._ping()

    def _ping(self) -> None:
        self._timer = self._loop.call_later(PING_INTERVAL_S, self._ping)
        if self._pinged_at is None:
            self._silent = 0
            self._pinged_at = time.monotonic()
            self.send(Ping(timestamp=self._pinged_at))
            return
        before, self._arrived = self._arrived, self.stats.received + self.stats.messages
        self._silent = self._silent + 1 if self._arrived == before else 0
        if self._silent >= SILENT_INTERVALS and self.rtt is not None:
            self._broken = f"no sign of life for {self._silent * PING_INTERVAL_S:g} s"
            log.warning("%s = server is silent: %s", self._name, self._broken)
            if self._transport is not None:
                self._transport.disconnect(graceful=False)

    def _ponged(self, _pong: Pong) -> None:
        if self._pinged_at is None:
            return
        self.rtt = time.monotonic() - self._pinged_at
        self._pinged_at = None
        log.debug("%s %% round trip %.1f ms", self._name, self.rtt * 1000)

    async def _watch_transport(self, transport: WSTransport) -> None:
        try:
            await transport.wait_disconnected()
        except WSProtocolError as error:
            log.warning("%s = server broke the WebSocket protocol: %s", self._name, error)
        except Exception as error:
            log.exception("%s = session failed", self._name, exc_info=error)
        finally:
            self._open = False
            self._timer.cancel()
            await self._receiver.caught_up()
            close = ended(transport, closing=self._closing, broken=self._broken)
            self.stats.oversize += oversize(close)
            self._let_go()
            log.debug("%s = session closed: %s", self._name, close)
            if not self.closed.done():
                self.closed.set_result(close)

    def _let_go(self) -> None:
        """Of the socket and its encryption: the session's figures are read long after its end."""
        self._transport = None
        self._transmit = _nowhere
        self._receiver.let_go()


def _nowhere(_kind: WSMsgType, _data: bytes | str) -> None:
    """Where the frames of a session go that has ended."""


async def leave(join_url: str, *, tls: ssl.SSLContext | None = None) -> None:
    """End a call that nobody joined: join it and close at once.

    Left alone it would hold one of the account's concurrent calls until its joinTimeout (30 s), and
    the API has no request that ends an unjoined call. Failure is of no consequence.
    """
    with contextlib.suppress(AgentError):
        session = await Session.join(
            join_url, on_audio=lambda _: None, on_message=lambda _: None, tls=tls, name="leave"
        )
        await session.close()
