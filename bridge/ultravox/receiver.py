"""What arrives on a session's WebSocket: frames checked, counted and handed on."""

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport

from bridge.ultravox.messages import Message, Pong, Unknown, parse

log = logging.getLogger("bridge.ultravox.session")

MESSAGE_LIMIT = 4 * 1024 * 1024
"""Largest message, bytes: 30 s of 48 kHz PCM in one frame (2.9 MB) passes."""

STALL_TIMEOUT_MS = 10_000
"""Unacknowledged audio for this long means the path is dead (TCP_USER_TIMEOUT, RFC 5482)."""
SEND_BUFFER = 32 * 1024
"""Kernel send buffer, bytes, doubled by Linux: what a stalled socket can hide, 0.7 to 4 s."""
STALL_MARK = 4096
"""Bytes waiting above the kernel at which the socket counts as stalled."""

_BINARY: Final = WSMsgType.BINARY
_TEXT: Final = WSMsgType.TEXT
_CONTINUATION: Final = WSMsgType.CONTINUATION
_CLOSE: Final = WSMsgType.CLOSE


@dataclass(slots=True)
class SessionStats:
    """Counters of one session."""

    sent: int = 0
    """Audio frames handed to the socket."""
    received: int = 0
    """Audio frames taken from it."""
    messages: int = 0
    """Data messages received."""
    dropped: int = 0
    """Uplink frames thrown away while the socket was stalled."""
    odd_length: int = 0
    """Audio frames that ended in half a sample, which was cut off."""
    oversize: int = 0
    """Messages over MESSAGE_LIMIT; each ends the session with 1009."""
    bad_json: int = 0
    """Text frames that are no message."""
    unknown: int = 0
    """Messages of a type that is not documented."""


class Receiver(WSListener):
    """The listening half of a session, as picows calls it. It raises only to end the session."""

    def __init__(
        self,
        on_audio: Callable[[bytes], None],
        on_message: Callable[[Message | Unknown], None],
        *,
        name: str,
    ) -> None:
        super().__init__()
        self._on_audio = on_audio
        self._on_message = on_message
        self._on_first: Callable[[], None] | None = None
        self._on_pong: Callable[[Pong], None] | None = None
        self._on_resume: Callable[[], None] | None = None
        self._name = name
        self._transport: WSTransport | None = None
        self._abandoned = False
        self._heard_first = False
        self._partial: bytearray | None = None
        self._partial_type = _BINARY
        self.stalled = False
        self.stats = SessionStats()

    def attach(
        self,
        *,
        on_first: Callable[[], None],
        on_pong: Callable[[Pong], None],
        on_resume: Callable[[], None],
    ) -> None:
        """Give the sending half its cues; messages may have come before it existed."""
        self._on_first, self._on_pong, self._on_resume = on_first, on_pong, on_resume
        if self._heard_first:
            on_first()

    def let_go(self) -> None:
        """The connection is over: nothing comes any more, and nothing is held for it."""
        self._transport = None
        self._on_first = self._on_pong = self._on_resume = None
        self._on_audio = self._on_message = _nobody

    def abandon(self) -> None:
        """Nobody waits for this connection any more: close it, now or as soon as it opens."""
        self._abandoned = True
        if self._transport is not None:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        _tune(transport)
        if self._abandoned:
            self.abandon()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if transport.is_close_frame_sent and kind != _CLOSE:
            return
        if frame.rsv1:
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "compression was not agreed")
        whole = frame.fin and self._partial is None
        if kind is _BINARY and whole:
            self._hear(frame.get_payload_as_bytes())
        elif kind is _TEXT and whole:
            self._read(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind in (_BINARY, _TEXT, _CONTINUATION):
            self._assemble(frame)

    def pause_writing(self) -> None:
        self.stalled = True
        log.debug("%s = socket stalled", self._name)

    def resume_writing(self) -> None:
        self.stalled = False
        if self._on_resume is not None:
            self._on_resume()

    def _hear(self, pcm: bytes) -> None:
        if len(pcm) & 1:
            self.stats.odd_length += 1
            pcm = pcm[:-1]
        self.stats.received += 1
        if pcm:
            self._on_audio(pcm)

    def _read(self, data: bytes) -> None:
        if not self._heard_first:
            self._heard_first = True
            if self._on_first is not None:
                self._on_first()
        try:
            message = parse(data.decode())
        except ValueError as error:
            self.stats.bad_json += 1
            log.debug("%s < bad message of %d bytes: %s", self._name, len(data), error)
            return
        self.stats.messages += 1
        log.debug("%s < %s", self._name, message)
        if isinstance(message, Pong) and self._on_pong is not None:
            self._on_pong(message)
            return
        if isinstance(message, Unknown):
            self.stats.unknown += 1
        self._on_message(message)

    def _assemble(self, frame: WSFrame) -> None:
        """Join the fragments of one message (RFC 6455 section 5.4)."""
        opening = frame.msg_type != _CONTINUATION
        if opening == (self._partial is not None):
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
        if opening:
            self._partial, self._partial_type = bytearray(), frame.msg_type
        assert self._partial is not None
        self._partial += frame.get_payload_as_memoryview()
        if len(self._partial) > MESSAGE_LIMIT:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "message too big")
        if frame.fin:
            data, self._partial = bytes(self._partial), None
            (self._hear if self._partial_type == _BINARY else self._read)(data)


def _nobody(_: object) -> None:
    """Who hears a connection that is over."""


def _tune(transport: WSTransport) -> None:
    raw = transport.underlying_transport
    raw.set_write_buffer_limits(high=STALL_MARK, low=0)
    connection: socket.socket = raw.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_TIMEOUT_MS)
