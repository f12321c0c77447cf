"""The stand-in's WebSocket: one listener a call, on picows so that a hundred echoes cost little."""

import asyncio
import logging
from dataclasses import replace
from typing import Any, Final, get_args

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from bridge.ultravox.messages import (
    AgentState,
    CallStarted,
    ClientMessage,
    Ping,
    PlaybackClearBuffer,
    Pong,
    Role,
    ServerMessage,
    SpawnThread,
    State,
    ThreadRejected,
    Transcript,
    parse,
    serialize,
)
from bridge.ultravox.standin.agents import Kind
from bridge.ultravox.standin.call import StandinCall
from bridge.ultravox.standin.conversation import Conversation
from bridge.ultravox.standin.faults import reset, send_nonsense, send_too_much
from bridge.ultravox.standin.older import modern
from bridge.ultravox.standin.speech import Speaker

log = logging.getLogger("bridge.ultravox.standin")

TICK_S = 0.02
CLOSE_AFTER_S, DROP_AFTER_S = 0.5, 2.0
CLOSE_TIMEOUT_S = 1.0
MEDIA_IDLE_CODE = 4598
"""The vendor's client knows it for init, parameter and media idle failures; which, is a guess."""

_BINARY: Final = WSMsgType.BINARY
_TEXT: Final = WSMsgType.TEXT
_CLIENT_TYPES = get_args(ClientMessage)


class CallSocket(WSListener):
    """The server's end of one joined call."""

    def __init__(self, call: StandinCall, speaker: Speaker) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._speaker = speaker
        self._settings = call.settings
        self._agent = call.settings.agent
        self._meter = call.audio
        self._echo = self._agent.kind is Kind.ECHO
        self._transport: WSTransport | None = None
        self._joined_at = self._next_tick = 0.0
        self._timers: list[asyncio.TimerHandle] = []
        self._speech: set[asyncio.Task[None]] = set()
        self._conversation: Conversation | None = None
        if self._agent.kind is Kind.SCRIPT:
            self._conversation = Conversation(call.id, call.settings, self)

    # picows calls these.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._call.join()
        self._call.deliver = self._deliver
        now = self._loop.time()
        self._joined_at = now
        if self._conversation is not None:
            self._conversation.start(now)
            self._next_tick = now
            self._tick()
        else:
            self.message(CallStarted(call_id=self._call.id))
            self.message(State(state=AgentState.LISTENING))
        self._each_second()
        self._misbehave(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == _BINARY:
            if self._echo:
                transport.send(_BINARY, frame.get_payload_as_memoryview())
                self._measure(frame.payload_size)
            else:
                self._hear(frame.get_payload_as_bytes())
        elif kind == _TEXT:
            self._read(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            self._call.close_code = frame.get_close_code().value
            if self._agent.name != "curt":
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        for timer in self._timers:
            timer.cancel()
        for task in self._speech:
            task.cancel()
        self._call.end("hangup")

    # The conversation's wire.

    def audio(self, pcm: bytes) -> None:
        """Send agent speech."""
        if self._transport is not None:
            self._transport.send(_BINARY, pcm)

    def message(self, message: ServerMessage) -> None:
        """Send a data message, when the client asked for its kind."""
        if isinstance(message, Transcript):
            self._call.transcribe(message)
            if self._agent.name == "curt" and message.final and message.role is Role.AGENT:
                message = replace(message, text=None)
        if self._transport is None or not getattr(self._settings.messages, message.type, True):
            return
        self._transport.send(_TEXT, serialize(message))
        late = self._agent.name == "late-clear" and message == State(state=AgentState.LISTENING)
        if late:
            self.message(PlaybackClearBuffer())

    def synthesize(self, text: str) -> None:
        """Make speech beside the loop."""
        task = self._loop.create_task(self._say(text), name=f"standin {self._call.id} speech")
        self._speech.add(task)
        task.add_done_callback(self._speech.discard)

    def close(self, end_reason: str, code: int = 1000, text: str = "") -> None:
        """End the call from the agent's side."""
        self._call.end(end_reason)
        if self._transport is None:
            return
        self._transport.send_close(WSCloseCode(code), text.encode())
        self._after(CLOSE_TIMEOUT_S, self._transport.disconnect)

    async def shut(self) -> None:
        """Close because the server goes away."""
        transport = self._transport
        if transport is not None:
            transport.send_close(WSCloseCode.GOING_AWAY)
            transport.disconnect()
            await transport.wait_disconnected()

    # Inside.

    async def _say(self, text: str) -> None:
        pcm = await self._speaker.say(text, self._settings.output_rate)
        if self._conversation is not None:
            self._conversation.spoken(text, pcm, self._loop.time())

    def _hear(self, pcm: bytes) -> None:
        self._measure(len(pcm))
        if self._conversation is not None:
            self._conversation.hear(pcm, self._loop.time())

    def _measure(self, size: int) -> None:
        wrong = self._meter.take(size, self._loop.time())
        if wrong:
            kind = "audio_overflow" if wrong > 0 else "audio_underflow"
            self._call.note("warning", kind, f"{self._meter.audio_s:.1f} s of audio so far")

    def _read(self, data: bytes) -> None:
        try:
            text, defer = modern(data.decode())
            message = parse(text)
        except ValueError as error:
            self._call.note("warning", "bad_message", str(error))
            return
        if isinstance(message, Ping):
            self.message(Pong(timestamp=message.timestamp))
            return
        self._call.received.append(text)
        if isinstance(message, SpawnThread):
            reason = "the stand-in has no side threads"
            self.message(ThreadRejected(thread_id=message.new_thread_id, reason=reason))
        elif not isinstance(message, _CLIENT_TYPES):
            self._call.note("warning", "bad_message", f"not a client message: {message.type}")
        else:
            self._deliver(message, defer=defer)

    def _deliver(self, message: ClientMessage, *, defer: bool = False) -> None:
        if self._conversation is not None:
            self._conversation.receive(message, self._loop.time(), defer=defer)
        elif message.type == "hang_up":
            self.close("agent_hangup")

    def _tick(self) -> None:
        conversation = self._conversation
        if self._transport is None or conversation is None:
            return
        now = self._loop.time()
        conversation.tick(now)
        if self._agent.name == "zeros" and conversation.state is not AgentState.SPEAKING:
            self.audio(bytes(2 * round(TICK_S * self._settings.output_rate)))
        self._call.interruptions = conversation.interruptions
        self._call.tools_used = conversation.tools_used
        self._next_tick = max(self._next_tick + TICK_S, now)
        self._loop.call_at(self._next_tick, self._tick)

    def _each_second(self) -> None:
        if self._transport is None:
            return
        now, idle_s = self._loop.time(), self._settings.media_idle_s
        heard_at = self._meter.last if self._meter.frames else self._joined_at
        if idle_s is not None and now - heard_at > idle_s:
            self.close("connection_error", MEDIA_IDLE_CODE, "media idle")
            return
        if self._conversation is None and now - self._joined_at > self._settings.max_duration_s:
            self.close("timeout")
            return
        self._after(1.0, self._each_second)

    def _after(self, delay: float, action: Any, *arguments: Any) -> None:
        self._timers = [timer for timer in self._timers if timer.when() > self._loop.time()]
        self._timers.append(self._loop.call_later(delay, action, *arguments))

    # Faults on demand.

    def _misbehave(self, transport: WSTransport) -> None:
        name = self._agent.name
        if name.startswith("close-"):
            code = int(name.removeprefix("close-"))
            self._after(CLOSE_AFTER_S, self.close, "connection_error", code, "on demand")
        elif name == "drop":
            self._after(DROP_AFTER_S, self._drop, transport)
        elif name == "oversize":
            self._after(CLOSE_AFTER_S, send_too_much, transport)
        elif name == "garbage":
            self._after(CLOSE_AFTER_S, send_nonsense, transport)

    def _drop(self, transport: WSTransport) -> None:
        self._call.end("connection_error")
        reset(transport)
