"""A scripted agent in a call, taking turns by voice activity as Ultravox does. Sans-I/O.

caller PCM ---> VoiceActivity ---> end of turn ---> next turn of the script
                              '--> enough speech ---> interruption: clear, truncated transcript
steps of a turn:  thinking ---> speaking ---> (client tool) ---> listening
"""

import uuid
from collections import deque
from typing import Protocol

from bridge.ultravox.messages import (
    AgentState,
    CallStarted,
    ClientMessage,
    ClientToolInvocation,
    ClientToolResult,
    ForcedAgentMessage,
    HangUp,
    Medium,
    PlaybackClearBuffer,
    Role,
    ServerMessage,
    SetOutputMedium,
    State,
    Transcript,
    Urgency,
    UserStartedSpeaking,
    UserStoppedSpeaking,
    UserTextMessage,
)
from bridge.ultravox.standin.agents import Invoke, Leave, Say, Step
from bridge.ultravox.standin.settings import Settings
from bridge.ultravox.standin.toolcall import ToolCall
from bridge.ultravox.standin.utterance import Utterance
from bridge.ultravox.standin.vad import Edge, VoiceActivity

NOISE_S = 0.064
"""A turn with less voice than this was a click."""
NOTHING_LEFT = Say(text="I have nothing more to say.")


class Wire(Protocol):
    """Where a conversation's effects go."""

    def audio(self, pcm: bytes) -> None: ...

    def message(self, message: ServerMessage) -> None: ...

    def synthesize(self, text: str) -> None:
        """Begin to make speech; it comes back through `Conversation.spoken`."""

    def close(self, end_reason: str) -> None: ...


class Conversation:
    """The mind of a scripted agent. Fed with sound, messages and the time; acts on its wire."""

    def __init__(self, call_id: str, settings: Settings, wire: Wire) -> None:
        self._call_id = call_id
        self._settings = settings
        self._wire = wire
        self._vad = VoiceActivity(sample_rate=settings.input_rate, endpoint_s=settings.endpoint_s)
        self._script = settings.script
        self._turn = 0
        self._agenda: deque[Step] = deque()
        self._utterance: Utterance | None = None
        self._synthesizing: Say | None = None
        self._medium = settings.medium
        self._ordinal = 0
        self._nudged = 0
        self._opens_at: float | None = None
        self._ends_at = float("inf")
        self._active_at = 0.0
        self._end_reason = "agent_hangup"
        self._ended = False
        self.state = AgentState.IDLE
        self.interruptions = 0
        self.tool: ToolCall | None = None
        """The client tool whose result is awaited."""
        self.tools_used: list[ToolCall] = []

    def start(self, now: float) -> None:
        """The client joined."""
        self._active_at = now
        self._ends_at = now + self._settings.max_duration_s
        self._wire.message(CallStarted(call_id=self._call_id))
        opening = self._settings.opening
        if opening.delay_s is not None:
            self._opens_at = now + opening.delay_s
        self._change(AgentState.LISTENING)

    # What comes in.

    def hear(self, pcm: bytes, now: float) -> None:
        """Caller audio, any amount."""
        for edge in self._vad.hear(pcm):
            if edge is Edge.STARTED:
                self._wire.message(UserStartedSpeaking())
            elif edge is Edge.STOPPED:
                self._wire.message(UserStoppedSpeaking())
                self._end_of_turn(now)
            if self._vad.speaking:
                self._active_at, self._nudged = now, 0
                self._maybe_interrupt(now)

    def receive(self, message: ClientMessage, now: float, *, defer: bool = False) -> None:
        """A data message; `defer` is the older deferResponse flag of a user's text."""
        match message:
            case UserTextMessage():
                self._read(message, now, defer=defer)
            case ForcedAgentMessage():
                self._force(message, now)
            case SetOutputMedium():
                self._medium = message.medium
            case HangUp():
                self._leave(message.message, now)
            case ClientToolResult():
                self._take_result(message, now)

    def spoken(self, text: str, pcm: bytes, now: float) -> None:
        """The speech for `text` is ready."""
        say = self._synthesizing
        if say is None or say.text != text or self._ended:
            return
        self._synthesizing = None
        self._utterance = Utterance(
            text,
            pcm,
            ordinal=self._next_ordinal(),
            sample_rate=self._settings.output_rate,
            buffer_s=self._settings.buffer_s,
            interruptible=say.interruptible,
        )
        self._change(AgentState.SPEAKING)
        self._speak(self._utterance, now)

    def tick(self, now: float) -> None:
        """Do what is due. Wanted every 20 ms or so."""
        if self._ended:
            return
        if self._utterance is not None:
            self._speak(self._utterance, now)
        if self.tool is not None and now >= self.tool.deadline:
            self._take_result(None, now)
        if now >= self._ends_at:
            self._ends_at, self._end_reason = float("inf"), "timeout"
            self._leave(self._settings.time_exceeded_text, now)
        elif self.state is AgentState.LISTENING and not self._vad.speaking:
            self._break_silence(now)

    # What the caller does.

    def _end_of_turn(self, now: float) -> None:
        turn = self._vad.turn
        if turn.voiced_s < max(NOISE_S, self._settings.minimum_turn_s):
            return
        self._transcribe(Role.USER, Medium.VOICE, f"(speech, {turn.length_s:.1f} s)")
        if self.state is AgentState.LISTENING:
            self._next_turn(now)

    def _maybe_interrupt(self, now: float) -> None:
        enough = max(self._settings.minimum_interruption_s, self._settings.minimum_turn_s)
        said = self._utterance
        if said is not None and said.interruptible and self._vad.turn.voiced_s >= enough:
            self.interruptions += 1
            self._cut_short(now)
            self._change(AgentState.LISTENING)

    def _read(self, message: UserTextMessage, now: float, *, defer: bool) -> None:
        self._active_at, self._nudged = now, 0
        if message.text:
            self._transcribe(Role.USER, Medium.TEXT, message.text)
        urgency = message.urgency or (Urgency.LATER if defer else Urgency.SOON)
        said = self._utterance
        if urgency is Urgency.IMMEDIATE and said is not None and said.interruptible:
            self._cut_short(now)
            self._change(AgentState.LISTENING)
        if defer or urgency is Urgency.LATER:
            return
        if self.state is AgentState.LISTENING:
            self._next_turn(now)
        else:
            self._agenda.extend(self._take_turn())

    def _force(self, message: ForcedAgentMessage, now: float) -> None:
        steps: list[Step] = []
        if message.content:
            steps.append(Say(text=message.content, interruptible=not message.uninterruptible))
        steps += [
            Invoke(tool=str(call.get("name")), parameters=call.get("arguments") or {})
            for call in message.tool_calls
        ]
        if message.urgency is Urgency.IMMEDIATE and self._utterance is not None:
            self._cut_short(now)
            self._change(AgentState.LISTENING)
        self._agenda.extend(steps)
        if self.state is AgentState.LISTENING:
            self._step(now)

    def _break_silence(self, now: float) -> None:
        if self._opens_at is not None and now >= self._opens_at:
            self._open(now)
            return
        nudges = self._settings.nudges
        if self._nudged < len(nudges) and now - self._active_at >= nudges[self._nudged].after_s:
            nudge = nudges[self._nudged]
            self._nudged += 1
            self._agenda.append(Say(text=nudge.text, interruptible=not nudge.strict))
            if nudge.hangs_up:
                self._agenda.append(Leave())
            self._step(now)

    # What the agent does.

    def _open(self, now: float) -> None:
        opening = self._settings.opening
        self._opens_at = None
        self._agenda.extend(self._take_turn())
        if opening.text is not None:
            self._agenda = deque([Say(text=opening.text, interruptible=opening.interruptible)])
        self._step(now)

    def _take_turn(self) -> tuple[Step, ...]:
        turn = self._script[self._turn] if self._turn < len(self._script) else (NOTHING_LEFT,)
        self._turn += 1
        return turn

    def _next_turn(self, now: float) -> None:
        self._opens_at = None
        self._agenda.extend(self._take_turn())
        self._step(now)

    def _step(self, now: float) -> None:
        if not self._agenda:
            self._active_at = now
            self._change(AgentState.LISTENING)
            return
        match self._agenda.popleft():
            case Say() as say if self._medium is Medium.TEXT:
                self._transcribe(Role.AGENT, Medium.TEXT, say.text)
                self._step(now)
            case Say() as say:
                self._change(AgentState.THINKING)
                self._synthesizing = say
                self._wire.synthesize(say.text)
            case Invoke() as invoke:
                self._invoke(invoke, now)
            case Leave():
                self._ended = True
                self._wire.close(self._end_reason)

    def _speak(self, said: Utterance, now: float) -> None:
        pcm = said.due(now)
        if pcm:
            self._wire.audio(pcm)
        words = said.words_due(now)
        if words:
            self._send_transcript(Role.AGENT, said.ordinal, Medium.VOICE, delta=words)
        leaves_at_once = bool(self._agenda) and self._agenda[0] == Leave(heard=False)
        if said.played(now) or (said.sent and leaves_at_once):
            self._utterance = None
            self._send_transcript(Role.AGENT, said.ordinal, Medium.VOICE, text=said.text)
            self._step(now)

    def _cut_short(self, now: float) -> None:
        """Stop in mid-speech. A turn that was to do more than speak will be taken again."""
        said, self._utterance = self._utterance, None
        self._synthesizing = None
        if self._agenda:
            self._turn = max(0, self._turn - 1)
            self._agenda.clear()
        if said is None:
            return
        self._wire.message(PlaybackClearBuffer())
        heard = said.heard(now).rstrip()
        self._send_transcript(Role.AGENT, said.ordinal, Medium.VOICE, text=heard)

    def _leave(self, text: str | None, now: float) -> None:
        self._cut_short(now)
        self.tool = None
        self._agenda = deque([Say(text=text, interruptible=False)] if text else [])
        self._agenda.append(Leave())
        self._step(now)

    def _invoke(self, invoke: Invoke, now: float) -> None:
        timeout_s = self._settings.tools.get(invoke.tool)
        if timeout_s is None:
            # Its built-in namesake would hang up by itself.
            known = invoke.tool == "hang_up"
            missing = Leave() if known else Say(text=f"I have no tool {invoke.tool}.")
            self._agenda.appendleft(missing)
            self._step(now)
            return
        self._change(AgentState.THINKING)
        self.tool = ToolCall(
            id=str(uuid.uuid4()),
            name=invoke.tool,
            parameters=dict(invoke.parameters),
            deadline=now + timeout_s,
        )
        self.tools_used.append(self.tool)
        self._wire.message(
            ClientToolInvocation(
                tool_name=invoke.tool, invocation_id=self.tool.id, parameters=self.tool.parameters
            )
        )

    def _take_result(self, message: ClientToolResult | None, now: float) -> None:
        tool = self.tool
        if tool is None or (message is not None and message.invocation_id != tool.id):
            return
        self.tool = None
        tool.result = message
        outcome = tool.outcome(more_to_do=bool(self._agenda))
        if outcome.script is not None:
            self._script, self._turn = outcome.script, 0
            self._agenda = deque(self._take_turn())
        if outcome.leaves:
            self._agenda.clear()
        self._agenda.extendleft(reversed(outcome.steps))
        self._step(now)

    # What goes out.

    def _change(self, state: AgentState) -> None:
        if state is not self.state:
            self.state = state
            self._wire.message(State(state=state))

    def _next_ordinal(self) -> int:
        self._ordinal += 1
        return self._ordinal - 1

    def _transcribe(self, role: Role, medium: Medium, text: str) -> None:
        self._send_transcript(role, self._next_ordinal(), medium, text=text)

    def _send_transcript(
        self,
        role: Role,
        ordinal: int,
        medium: Medium,
        *,
        text: str | None = None,
        delta: str | None = None,
    ) -> None:
        self._wire.message(
            Transcript(
                role=role,
                medium=medium,
                text=text,
                delta=delta,
                final=text is not None,
                ordinal=ordinal,
            )
        )
