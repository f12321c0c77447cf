"""A scripted agent in a call, taking turns by voice activity as Ultravox does. Sans-I/O.

caller PCM ---> VoiceActivity ---> end of turn ---> next turn of the script
                     '---> enough speech ---> interruption
steps of a turn:  say ---> say ---> client tool ---> leave
"""

from bridge.ultravox.messages import (
    AgentState,
    CallStarted,
    ClientMessage,
    ClientToolResult,
    Debug,
    ForcedAgentMessage,
    HangUp,
    Medium,
    Role,
    SetOutputMedium,
    Urgency,
    UserStartedSpeaking,
    UserStoppedSpeaking,
    UserTextMessage,
)
from bridge.ultravox.standin.agenda import Agenda
from bridge.ultravox.standin.agents import Invoke, Leave, Say
from bridge.ultravox.standin.mouth import Mouth, Wire
from bridge.ultravox.standin.settings import Nudge, Opening, Settings
from bridge.ultravox.standin.silence import Silence
from bridge.ultravox.standin.toolcall import ToolCall
from bridge.ultravox.standin.vad import Edge, VoiceActivity

NOISE_S = 0.09
"""A turn with less voice than this was a click."""


class Conversation:
    """The mind of a scripted agent. Fed with sound, messages and the time; acts on its wire."""

    def __init__(self, call_id: str, settings: Settings, wire: Wire) -> None:
        self._call_id = call_id
        self._settings = settings
        self._wire = wire
        self._vad = VoiceActivity(sample_rate=settings.input_rate, endpoint_s=settings.endpoint_s)
        self._mouth = Mouth(
            wire,
            medium=settings.medium,
            sample_rate=settings.output_rate,
            buffer_s=settings.buffer_s,
        )
        self._agenda = Agenda(settings.script, settings.cues)
        self._tools = settings.tools
        self._silence = Silence(settings.opening, settings.nudges)
        self._ends_at = float("inf")
        self._end_reason = "agent_hangup"
        self._ended = False
        self._tool: ToolCall | None = None
        self.interruptions = 0
        self.tools_used: list[ToolCall] = []

    @property
    def state(self) -> AgentState:
        """What the client was last told."""
        return self._mouth.state

    def start(self, now: float) -> None:
        """The client joined."""
        self._silence.begin(now)
        self._ends_at = now + self._settings.max_duration_s
        self._wire.message(CallStarted(call_id=self._call_id))
        self._mouth.change(AgentState.LISTENING)

    def hear(self, pcm: bytes, now: float) -> None:
        """Caller audio, any amount."""
        for edge in self._vad.hear(pcm):
            if edge is Edge.STARTED:
                self._wire.message(UserStartedSpeaking())
            elif edge is Edge.STOPPED:
                self._wire.message(UserStoppedSpeaking())
                self._end_of_turn(now)
            if self._vad.speaking:
                self._silence.caller_broke_it(now)
                self._maybe_interrupt(now)

    def receive(self, message: ClientMessage, now: float, *, defer: bool = False) -> None:
        """A data message; `defer` is the older deferResponse flag of a user's text."""
        match message:
            case UserTextMessage():
                self._read(message, now, defer=defer)
            case ForcedAgentMessage():
                self._force(message, now)
            case SetOutputMedium():
                self._mouth.medium = message.medium
            case HangUp():
                self._leave(message.message, now)
            case ClientToolResult():
                self._take_result(message, now)

    def spoken(self, text: str, pcm: bytes, now: float) -> None:
        """The speech for `text` is ready."""
        if not self._ended:
            self._mouth.spoken(text, pcm)
            self._speak(now)

    def tick(self, now: float) -> None:
        """Do what is due. Wanted every 20 ms or so."""
        if self._ended:
            return
        self._speak(now)
        if self._tool is not None and now >= self._tool.deadline:
            self._take_result(None, now)
        if now >= self._ends_at:
            self._ends_at, self._end_reason = float("inf"), "timeout"
            self._leave(self._settings.time_exceeded_text, now)
        elif self.state is AgentState.LISTENING and not self._vad.speaking:
            self._break_silence(now)

    # The caller's part.

    def _end_of_turn(self, now: float) -> None:
        turn = self._vad.turn
        if turn.voiced_s < max(NOISE_S, self._settings.minimum_turn_s):
            return
        self._mouth.transcribe(Role.USER, Medium.VOICE, f"(speech, {turn.length_s:.1f} s)")
        self._wire.message(Debug(message=f"turn of {turn.length_s:.3f} s"))
        if self.state is AgentState.LISTENING:
            self._next_turn(now)

    def _maybe_interrupt(self, now: float) -> None:
        enough_s = max(self._settings.minimum_interruption_s, self._settings.minimum_turn_s)
        if self._mouth.interruptible and self._vad.turn.voiced_s >= enough_s:
            self.interruptions += 1
            self._wire.message(Debug(message=f"interrupted by {self._vad.turn.voiced_s:.3f} s"))
            self._fall_silent(now)

    def _read(self, message: UserTextMessage, now: float, *, defer: bool) -> None:
        self._silence.caller_broke_it(now)
        if message.text:
            self._mouth.transcribe(Role.USER, Medium.TEXT, message.text)
        urgency = message.urgency or (Urgency.LATER if defer else Urgency.SOON)
        if urgency is Urgency.IMMEDIATE and self._mouth.interruptible:
            self._fall_silent(now)
        if defer or urgency is Urgency.LATER:
            return
        self._agenda.answer(message.text)
        if self.state is AgentState.LISTENING:
            self._silence.opened()
            self._step(now)

    def _force(self, message: ForcedAgentMessage, now: float) -> None:
        if message.urgency is Urgency.IMMEDIATE:
            self._fall_silent(now)
        if message.content:
            interruptible = not message.uninterruptible
            self._agenda.add(Say(text=message.content, interruptible=interruptible))
        for call in message.tool_calls:
            parameters = call.get("arguments") or {}
            self._agenda.add(Invoke(tool=str(call.get("name")), parameters=parameters))
        if self.state is AgentState.LISTENING:
            self._step(now)

    def _break_silence(self, now: float) -> None:
        match self._silence.due(now):
            case Opening() as opening:
                self._open(opening, now)
            case Nudge() as nudge:
                self._agenda.add(Say(text=nudge.text, interruptible=not nudge.strict))
                if nudge.hangs_up:
                    self._agenda.add(Leave())
                self._step(now)

    # The agent's part.

    def _open(self, opening: Opening, now: float) -> None:
        self._silence.opened()
        self._agenda.take_turn()
        if opening.text is not None:
            self._agenda.replace(Say(text=opening.text, interruptible=opening.interruptible))
        self._step(now)

    def _next_turn(self, now: float) -> None:
        self._silence.opened()
        self._agenda.take_turn()
        self._step(now)

    def _step(self, now: float) -> None:
        if not self._agenda:
            self._silence.agent_ended(now)
            self._mouth.change(AgentState.LISTENING)
            return
        match self._agenda.pop():
            case Say() as say:
                if self._mouth.say(say):
                    self._step(now)
            case Invoke() as invoke:
                self._invoke(invoke, now)
            case Leave():
                self._ended = True
                self._wire.close(self._end_reason)

    def _speak(self, now: float) -> None:
        if self._mouth.finish(now, once_sent=self._agenda.leaves_at_once):
            self._step(now)

    def _fall_silent(self, now: float) -> None:
        """Stop in mid-speech."""
        self._mouth.cut_short(now)
        self._agenda.interrupt()
        if self._tool is None:
            self._mouth.change(AgentState.LISTENING)

    def _leave(self, text: str | None, now: float) -> None:
        self._mouth.cut_short(now)
        self._tool = None
        last = (Say(text=text, interruptible=False),) if text else ()
        self._agenda.replace(*last, Leave())
        self._step(now)

    def _invoke(self, invoke: Invoke, now: float) -> None:
        timeout_s = self._tools.get(invoke.tool)
        if timeout_s is None:
            # Without the client's tool the agent hangs up by the built-in one.
            builtin = invoke.tool == "hang_up"
            missing = Leave() if builtin else Say(text=f"I have no tool {invoke.tool}.")
            self._agenda.insert([missing])
            self._step(now)
            return
        self._mouth.change(AgentState.THINKING)
        self._tool = tool = ToolCall.of(invoke, deadline=now + timeout_s)
        self.tools_used.append(tool)
        self._wire.message(tool.invocation)

    def _take_result(self, message: ClientToolResult | None, now: float) -> None:
        tool = self._tool
        if tool is None or (message is not None and message.invocation_id != tool.id):
            return
        self._tool = None
        tool.result = message
        outcome = tool.outcome(more_to_do=bool(self._agenda))
        if (stage := outcome.stage) is not None:
            self._tools = self._tools if stage.tools is None else stage.tools
            self._agenda.restage(stage.script, stage.cues)
        if outcome.leaves:
            self._agenda.replace()
        self._agenda.insert(outcome.steps)
        self._step(now)
