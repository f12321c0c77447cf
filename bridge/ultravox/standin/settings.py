"""What a created call's body and agent come to, in numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.ultravox.messages import Medium
from bridge.ultravox.standin.agents import Agent, Kind, Script, Step, cues, fill, prompted
from bridge.ultravox.standin.bodies import AgentCallBody, BadBody, CallBody
from bridge.ultravox.standin.parts import DataMessages, SelectedTool, VadSettings, seconds

JOIN_TIMEOUT = "30s"
MAX_DURATION = "3600s"
TOOL_TIMEOUT_S, TOOL_TIMEOUT_LIMIT_S = 2.5, 40.0
MEDIA_IDLE_FLOOR_S = 10.0
"""A shorter mediaIdleTimeout counts as this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """An inactivity message."""

    after_s: float
    text: str
    hangs_up: bool
    strict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Who speaks first: the agent, `delay_s` from the join, or unless the user does by then."""

    agent: bool = True
    delay_s: float | None = 0.0
    """None: the user, however long it takes."""
    text: str | None = None
    interruptible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a call's behaviour depends on. Times in seconds, rates in Hz."""

    agent: Agent
    script: Script
    input_rate: int
    output_rate: int
    buffer_s: float
    messages: DataMessages
    opening: Opening
    join_timeout_s: float
    max_duration_s: float
    media_idle_s: float | None = None
    endpoint_s: float = 0.384
    minimum_turn_s: float = 0.0
    minimum_interruption_s: float = 0.09
    medium: Medium = Medium.VOICE
    time_exceeded_text: str | None = None
    nudges: tuple[Nudge, ...] = ()
    tools: Mapping[str, float] = field(default_factory=dict)
    """Timeouts of the client tools, by name."""
    cues: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    """What the agent does at a word that the caller writes."""


def settle(body: CallBody | AgentCallBody, agent: Agent) -> Settings:
    """Apply the documented defaults. Raises BadBody when the medium is not a WebSocket."""
    socket = body.medium.server_web_socket if body.medium else None
    if socket is None:
        raise BadBody({"medium": ["The stand-in serves only serverWebSocket."]})
    idle = socket.media_idle_timeout
    text = body.initial_output_medium == "MESSAGE_MEDIUM_TEXT"
    return Settings(
        agent=agent,
        script=_script(body, agent),
        input_rate=socket.input_sample_rate,
        output_rate=socket.output_sample_rate or socket.input_sample_rate,
        buffer_s=socket.client_buffer_size_ms / 1000,
        messages=socket.data_messages,
        opening=_opening(body),
        join_timeout_s=seconds(body.join_timeout or JOIN_TIMEOUT),
        max_duration_s=seconds(body.max_duration or MAX_DURATION),
        media_idle_s=max(seconds(idle), MEDIA_IDLE_FLOOR_S) if idle else None,
        medium=Medium.TEXT if text else Medium.VOICE,
        tools=_tools(body),
        **(_call_only(body) if isinstance(body, CallBody) else {}),
    )


def _call_only(body: CallBody) -> dict[str, Any]:
    vad = body.vad_settings or VadSettings()
    return {
        "endpoint_s": seconds(vad.turn_endpoint_delay),
        "minimum_turn_s": seconds(vad.minimum_turn_duration),
        "minimum_interruption_s": seconds(vad.minimum_interruption_duration),
        "time_exceeded_text": body.time_exceeded_message,
        "cues": cues(body.system_prompt),
        "nudges": tuple(
            Nudge(
                after_s=seconds(message.duration),
                text=message.message,
                hangs_up="HANG_UP" in message.end_behavior,
                strict="STRICT" in message.end_behavior,
            )
            for message in body.inactivity_messages or ()
        ),
    }


def _script(body: CallBody | AgentCallBody, agent: Agent) -> Script:
    if isinstance(body, CallBody):
        own = agent.kind is Kind.SCRIPT and agent.name == "receptionist"
        return prompted(body.system_prompt) if own else agent.script
    context = body.template_context or {}
    return tuple(tuple(fill(step, context) for step in turn) for turn in agent.script)


def _opening(body: CallBody | AgentCallBody) -> Opening:
    first = body.first_speaker_settings
    if first is None:
        user = isinstance(body, CallBody) and body.first_speaker == "FIRST_SPEAKER_USER"
        return Opening(agent=False, delay_s=None) if user else Opening()
    if first.agent is not None:
        return Opening(
            delay_s=seconds(first.agent.delay or "0s"),
            text=first.agent.text,
            interruptible=not first.agent.uninterruptible,
        )
    fallback = first.user.fallback if first.user else None
    if fallback is None:
        return Opening(agent=False, delay_s=None)
    return Opening(agent=False, delay_s=seconds(fallback.delay), text=fallback.text)


def _tools(body: CallBody | AgentCallBody) -> dict[str, float]:
    if isinstance(body, CallBody):
        selected = body.selected_tools or []
    else:
        selected = body.tool_overrides.add if body.tool_overrides else []
    return client_tools(selected)


def client_tools(selected: Iterable[SelectedTool]) -> dict[str, float]:
    """The timeouts of those that the client implements, by name."""
    tools = {}
    for tool in selected:
        own = tool.temporary_tool
        if own is not None and own.client is not None:
            name = tool.name_override or own.model_tool_name
            timeout = seconds(own.timeout) if own.timeout else TOOL_TIMEOUT_S
            tools[name] = min(timeout, TOOL_TIMEOUT_LIMIT_S)
    return tools
