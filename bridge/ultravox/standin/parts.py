"""The parts that request bodies of the REST API are made of (OpenAPI, 2026-07-02).

A field that the API does not know is an error, as is a duration such as "30m".
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

__all__ = [
    "AgentSpeaksFirst",
    "DataMessages",
    "Duration",
    "Fallback",
    "FirstSpeakerSettings",
    "InactivityMessage",
    "Medium",
    "Metadata",
    "Part",
    "SampleRate",
    "Secret",
    "SelectedTool",
    "ServerWebSocket",
    "TemporaryTool",
    "ToolName",
    "ToolOverrides",
    "UserSpeaksFirst",
    "VadSettings",
    "seconds",
]

_DURATION = r"^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s$"


def seconds(duration: str) -> float:
    """A duration such as "0.384s" in seconds."""
    return float(duration.removesuffix("s"))


def _plain_keys(metadata: dict[str, str]) -> dict[str, str]:
    if any(key.startswith("ultravox.") for key in metadata):
        raise ValueError("Keys may not start with 'ultravox.'.")
    return metadata


Duration = Annotated[str, StringConstraints(pattern=_DURATION)]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Secret = Annotated[str, StringConstraints(min_length=16, max_length=127)]
Metadata = Annotated[dict[str, str], AfterValidator(_plain_keys)]
SampleRate = Annotated[int, Field(ge=8000, le=48000)]


class Part(BaseModel):
    """An object of a request body."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, protected_namespaces=()
    )


class DataMessages(Part):
    """Which messages the server sends; the defaults are those of a WebSocket client."""

    pong: bool = True
    state: bool = True
    transcript: bool = True
    client_tool_invocation: bool = True
    data_connection_tool_invocation: bool = False
    playback_clear_buffer: bool = True
    call_started: bool = True
    debug: bool = False
    call_event: bool = False
    tool_used: bool = False
    user_started_speaking: bool = False
    user_stopped_speaking: bool = False
    invoking_tool: bool = False


class ServerWebSocket(Part):
    """The medium that a bridge uses."""

    input_sample_rate: SampleRate
    output_sample_rate: SampleRate | None = None
    client_buffer_size_ms: Annotated[int, Field(ge=0)] = 60
    media_idle_timeout: Duration | None = None
    data_messages: DataMessages = DataMessages()


class Medium(Part):
    """One member at most; the stand-in serves only the WebSocket."""

    server_web_socket: ServerWebSocket | None = None
    web_rtc: dict[str, Any] | None = None
    twilio: dict[str, Any] | None = None
    telnyx: dict[str, Any] | None = None
    plivo: dict[str, Any] | None = None
    exotel: dict[str, Any] | None = None
    sip: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Medium":
        if len(self.model_fields_set) > 1:
            raise ValueError("At most one medium may be set.")
        return self


class InactivityMessage(Part):
    """Said when the user has been silent for `duration` since the message before it."""

    duration: Duration
    message: str
    end_behavior: Literal[
        "END_BEHAVIOR_UNSPECIFIED", "END_BEHAVIOR_HANG_UP_SOFT", "END_BEHAVIOR_HANG_UP_STRICT"
    ] = "END_BEHAVIOR_UNSPECIFIED"


class AgentSpeaksFirst(Part):
    """The agent greets, after `delay`, with `text` or what `prompt` leads to."""

    uninterruptible: bool = False
    text: str | None = None
    prompt: str | None = None
    delay: Duration | None = None


class Fallback(Part):
    """What the agent says when the user does not begin."""

    delay: Duration
    text: str | None = None
    prompt: str | None = None


class UserSpeaksFirst(Part):
    """The agent waits for the user."""

    fallback: Fallback | None = None


class FirstSpeakerSettings(Part):
    """Exactly one of the two."""

    agent: AgentSpeaksFirst | None = None
    user: UserSpeaksFirst | None = None

    @model_validator(mode="after")
    def _one(self) -> "FirstSpeakerSettings":
        if (self.agent is None) == (self.user is None):
            raise ValueError("Exactly one of agent and user must be set.")
        return self


class VadSettings(Part):
    """When a turn ends, and when speech interrupts."""

    turn_endpoint_delay: Duration = "0.384s"
    minimum_turn_duration: Duration = "0s"
    minimum_interruption_duration: Duration = "0.09s"
    frame_activation_threshold: Annotated[float, Field(ge=0.1, le=1.0, strict=False)] = 0.1


class TemporaryTool(Part):
    """A tool defined in the call's own body."""

    model_tool_name: ToolName
    description: str = ""
    timeout: Duration | None = None
    dynamic_parameters: list[dict[str, Any]] = []
    automatic_parameters: list[dict[str, Any]] = []
    static_parameters: list[dict[str, Any]] = []
    requirements: dict[str, Any] | None = None
    default_reaction: (
        Literal["AGENT_REACTION_SPEAKS", "AGENT_REACTION_LISTENS", "AGENT_REACTION_SPEAKS_ONCE"]
        | None
    ) = None
    static_response: dict[str, Any] | None = None
    precomputable: bool = False
    client: dict[str, Any] | None = None
    http: dict[str, Any] | None = None
    data_connection: dict[str, Any] | None = None


class SelectedTool(Part):
    """Exactly one of toolId, toolName and temporaryTool."""

    tool_id: str | None = None
    tool_name: str | None = None
    temporary_tool: TemporaryTool | None = None
    name_override: ToolName | None = None
    description_override: str | None = None
    auth_tokens: dict[str, str] | None = None
    parameter_overrides: dict[str, Any] | None = None
    transition_id: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "SelectedTool":
        named = [self.tool_id, self.tool_name, self.temporary_tool]
        if sum(name is not None for name in named) != 1:
            raise ValueError("Exactly one of toolId, toolName and temporaryTool must be set.")
        return self


class ToolOverrides(Part):
    """Removals first, then additions."""

    remove: list[str] | None = None
    remove_all: bool | None = None
    add: list[SelectedTool] = []
