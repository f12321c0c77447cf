"""What arrives on a session's WebSocket: frames checked, counted and handed on."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from picows import WSCloseCode, WSMsgType, WSProtocolError, WSTransport

from bridge.ultravox.frame import Frame, KeptFrame
from bridge.ultravox.messages import Message, PlaybackClearBuffer, Pong, State, Unknown, parse
from bridge.ultravox.session_stats import SessionStats
from bridge.ultravox.wire import pause, resume, tune

log = logging.getLogger("bridge.ultravox.session")

MESSAGE_LIMIT: Final = 4 * 1024 * 1024
"""Largest message, bytes: 30 s of 48 kHz PCM in one frame (2.9 MB) passes."""

CLOSE_TIMEOUT_S: Final = 1.0
"""How long a server may leave its connection open that has closed the session."""
FIRST_S = 15.0
"""How long a server may say nothing at all after the join; Ultravox tells at once of the call."""
FRAMES_A_TURN: Final = 64
"""Frames that one turn of the loop handles, under a millisecond's work. Others wait for the next:
a server that sends thousands at once holds no other call up."""

_BINARY: Final = WSMsgType.BINARY
_TEXT: Final = WSMsgType.TEXT
_CONTINUATION: Final = WSMsgType.CONTINUATION
_CLOSE: Final = WSMsgType.CLOSE


class Receiver:
    """The listening half of a session; `Listener` is what picows knows of it.

    It raises only to end the session.
    """

    def __init__(
        self,
        on_audio: Callable[[bytes], None],
        on_message: Callable[[Message | Unknown], None],
        *,
        name: str,
    ) -> None:
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
        self._half_sample = b""
        self._loop = asyncio.get_running_loop()
        self._frames_left = FRAMES_A_TURN
        self._waiting: deque[KeptFrame] = deque()
        self._abort: asyncio.TimerHandle | None = None
        self._first_due: asyncio.TimerHandle | None = None
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
        for timer in (self._abort, self._first_due):
            if timer is not None:
                timer.cancel()
        self._transport = self._abort = self._first_due = None
        self._on_first = self._on_pong = self._on_resume = None
        self._on_audio = self._on_message = _nobody

    def abandon(self) -> None:
        """Nobody waits for this connection any more: close it, now or as soon as it opens."""
        self._abandoned = True
        if self._transport is not None:
            self._transport.send_close(WSCloseCode.OK)
            self._leave(self._transport)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The connection is open."""
        self._transport = transport
        self._first_due = self._loop.call_later(FIRST_S, self._expect_first, transport)
        tune(transport)
        if self._abandoned:
            self.abandon()

    async def caught_up(self) -> None:
        """Wait until nothing that came waits for its turn any more."""
        while self._waiting:  # noqa: ASYNC110 - each turn handles some of it
            await asyncio.sleep(0)

    def on_ws_frame(self, transport: WSTransport, frame: Frame) -> None:
        """A frame came. Raises WSProtocolError, which ends the session, where it may not come."""
        if not self._frames_left:
            self._wait(transport, frame)
            return
        self._frames_left -= 1
        if not self._frames_left:
            self._loop.call_soon(self._turn, transport)
        kind = frame.msg_type
        if transport.is_close_frame_sent and kind != _CLOSE:
            return
        if frame.rsv1:
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "compression was not agreed")
        whole = frame.fin != 0 and self._partial is None
        if kind is _BINARY and whole:
            self._hear(frame.get_payload_as_bytes())
        elif kind is _TEXT and whole:
            self._read(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            transport.send_close(WSCloseCode.OK)
            self._leave(transport)
        elif kind in (_BINARY, _TEXT, _CONTINUATION):
            self._assemble(frame)

    def pause_writing(self) -> None:
        """The socket takes no more."""
        self.stalled = True
        log.debug("%s = socket stalled", self._name)

    def resume_writing(self) -> None:
        """The socket has taken all that waited."""
        self.stalled = False
        if self._on_resume is not None:
            self._on_resume()

    def _wait(self, transport: WSTransport, frame: Frame) -> None:
        """Keep a frame for the next turn; at most what is read in one go (256 KB) comes so."""
        payload = frame.get_payload_as_bytes()
        self._waiting.append(KeptFrame(frame.msg_type, frame.fin, frame.rsv1, payload))

    def _turn(self, transport: WSTransport) -> None:
        """Another turn of the loop: handle what waits, as far as that goes, then read on."""
        self._frames_left = FRAMES_A_TURN
        if not self._waiting:
            return
        if len(self._waiting) > FRAMES_A_TURN:
            pause(transport)
        else:  # before a Close among them is handled: TLS has to hear the server's end
            resume(transport)
        try:
            while self._frames_left and self._waiting:
                self.on_ws_frame(transport, self._waiting.popleft())
        except Exception as error:
            self._give_up(transport, error)

    def _expect_first(self, transport: WSTransport) -> None:
        """By now the server has said something, or never will."""
        if not (self._heard_first or self.stats.received):
            log.warning("%s = server says nothing for %g s after the join", self._name, FIRST_S)
            transport.disconnect(False)

    def _give_up(self, transport: WSTransport, error: Exception) -> None:
        """End the session as picows does for what it calls itself."""
        code, reason = WSCloseCode.INTERNAL_ERROR, ""
        if isinstance(error, WSProtocolError):
            code, reason = error.code, str(error.args[1])
            log.warning("%s = server broke the WebSocket protocol: %s", self._name, error)
        else:
            log.exception("%s = session failed", self._name, exc_info=error)
        transport.send_close(code, reason.encode())
        self._leave(transport)

    def _leave(self, transport: WSTransport) -> None:
        """Close the connection; over TLS that waits for the server's end, but not for long."""
        self._waiting.clear()
        resume(transport)
        transport.disconnect()
        self._abort = self._loop.call_later(CLOSE_TIMEOUT_S, transport.disconnect, False)

    def _hear(self, pcm: bytes) -> None:
        self.stats.received += 1
        if self._half_sample or len(pcm) & 1:
            pcm = self._whole_samples(pcm)
        if pcm:
            self._on_audio(pcm)

    def _whole_samples(self, pcm: bytes) -> bytes:
        """A frame that begins or ends within a sample; what is over begins the next one."""
        self.stats.odd_length += len(pcm) & 1
        pcm = self._half_sample + pcm
        whole = len(pcm) & ~1
        self._half_sample = pcm[whole:]
        return pcm[:whole]

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
        elif isinstance(message, PlaybackClearBuffer | State):
            self._half_sample = b""  # what follows is another utterance
        self._on_message(message)

    def _assemble(self, frame: Frame) -> None:
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
