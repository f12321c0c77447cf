"""The data messages of an Ultravox call, both directions, as values.

Fields are the wire's camelCase keys in snake_case; `messages.py` turns these into text and back.
Source: docs.ultravox.ai, page "data messages" (2026-04-27), and the API's OpenAPI (2026-07-02).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

Json = Mapping[str, Any]
"""A JSON object as read from the wire."""


class AgentState(StrEnum):
    """What the agent is doing; idle is connected but still warming up."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Role(StrEnum):
    """Who said it."""

    USER = "user"
    AGENT = "agent"


class Medium(StrEnum):
    """How it was said."""

    VOICE = "voice"
    TEXT = "text"


class Urgency(StrEnum):
    """When the agent acts on a text: now, interrupting; at its next chance; when next it speaks."""

    IMMEDIATE = "immediate"
    SOON = "soon"
    LATER = "later"


class ResponseType(StrEnum):
    """What a tool result does besides answering the tool."""

    TOOL_RESPONSE = "tool-response"
    HANG_UP = "hang-up"
    NEW_STAGE = "new-stage"
    SEND_TO_THREAD = "send-to-thread"


class Reaction(StrEnum):
    """Whether the agent speaks after a tool result."""

    SPEAKS = "speaks"
    LISTENS = "listens"
    SPEAKS_ONCE = "speaks-once"


class ToolErrorType(StrEnum):
    """Why a tool gave no result: there is none of that name, or it failed."""

    UNDEFINED = "undefined"
    IMPLEMENTATION_ERROR = "implementation-error"


# From the server.


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """The first message of every call."""

    type: ClassVar[str] = "call_started"
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The agent's state changed. Never a reason to flush playout: see PlaybackClearBuffer."""

    type: ClassVar[str] = "state"
    state: AgentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A piece of what was said: `text` replaces what is known of it, `delta` adds to that."""

    type: ClassVar[str] = "transcript"
    role: Role
    medium: Medium
    text: str | None = field(repr=False)
    delta: str | None = field(repr=False)
    final: bool = False
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientToolInvocation:
    """The agent calls a tool that we implement; the conversation is frozen until the result."""

    type: ClassVar[str] = "client_tool_invocation"
    tool_name: str
    invocation_id: str
    parameters: Json = field(default_factory=dict, repr=False)
    """Kept out of the log: they may be digits of a card or a secret code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConnectionToolInvocation:
    """The same, for a tool implemented by a data connection."""

    type: ClassVar[str] = "data_connection_tool_invocation"
    tool_name: str
    invocation_id: str
    parameters: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackClearBuffer:
    """Drop all unplayed agent speech at once. May come with nothing buffered."""

    type: ClassVar[str] = "playback_clear_buffer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """Answer to a Ping, with its timestamp."""

    type: ClassVar[str] = "pong"
    timestamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Debug:
    """Text for a developer's eyes."""

    type: ClassVar[str] = "debug"
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSpawned:
    """A side thread of the conversation began."""

    type: ClassVar[str] = "thread_spawned"
    thread_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRejected:
    """A side thread was not begun."""

    type: ClassVar[str] = "thread_rejected"
    thread_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadTerminated:
    """A side thread ended."""

    type: ClassVar[str] = "thread_terminated"
    thread_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideGenerationDelta:
    """A piece of what a side thread generates."""

    type: ClassVar[str] = "side_generation_delta"
    thread_id: str
    delta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideGenerationCompleted:
    """All that a side thread generated."""

    type: ClassVar[str] = "side_generation_completed"
    thread_id: str
    text: str = ""
    tool_calls: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStartedSpeaking:
    """Opt-in, from plain voice activity: earlier and noisier than a clear. Fields unpublished."""

    type: ClassVar[str] = "user_started_speaking"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStoppedSpeaking:
    """Opt-in, the other edge of the same."""

    type: ClassVar[str] = "user_stopped_speaking"


# From the client.


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Ask for a Pong; `timestamp` is ours to choose, in seconds."""

    type: ClassVar[str] = "ping"
    timestamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTextMessage:
    """Text that the agent takes as said by the user."""

    type: ClassVar[str] = "user_text_message"
    text: str = field(repr=False)
    """Kept out of the log, as digits are told in it."""
    urgency: Urgency | None = None
    thread_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOutputMedium:
    """The agent writes or speaks from its next utterance on."""

    type: ClassVar[str] = "set_output_medium"
    medium: Medium


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientToolResult:
    """What a ClientToolInvocation came to. The model sees `result`, never `error_message`."""

    type: ClassVar[str] = "client_tool_result"
    invocation_id: str
    result: str | None = field(default=None, repr=False)
    """Kept out of the log: it may be digits that the caller entered."""
    response_type: ResponseType | None = None
    agent_reaction: Reaction | None = None
    update_call_state: Json | None = field(default=None, repr=False)
    error_type: ToolErrorType | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConnectionToolResult:
    """What a DataConnectionToolInvocation came to."""

    type: ClassVar[str] = "data_connection_tool_result"
    invocation_id: str
    result: str | None = field(default=None, repr=False)
    response_type: ResponseType | None = None
    agent_reaction: Reaction | None = None
    update_call_state: Json | None = field(default=None, repr=False)
    error_type: ToolErrorType | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedAgentMessage:
    """The agent says exactly this."""

    type: ClassVar[str] = "forced_agent_message"
    content: str = ""
    tool_calls: tuple[Json, ...] = ()
    known_tool_results: tuple[Json, ...] = ()
    uninterruptible: bool = False
    urgency: Urgency | None = None
    thread_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """The agent says the message, if any, then the server closes."""

    type: ClassVar[str] = "hang_up"
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnThread:
    """Begin a side thread of the conversation."""

    type: ClassVar[str] = "spawn_thread"
    new_thread_id: str
    parent_thread_id: str | None = None
    if_exists: str | None = None
    additional_messages: tuple[Json, ...] = ()
    tool_filter: Json | None = None
    limits: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message of a type, or with a value, that is not documented. To be ignored."""

    type: str
    raw: Json


ServerMessage = (
    CallStarted
    | State
    | Transcript
    | ClientToolInvocation
    | DataConnectionToolInvocation
    | PlaybackClearBuffer
    | Pong
    | Debug
    | ThreadSpawned
    | ThreadRejected
    | ThreadTerminated
    | SideGenerationDelta
    | SideGenerationCompleted
    | UserStartedSpeaking
    | UserStoppedSpeaking
)
ClientMessage = (
    Ping
    | UserTextMessage
    | SetOutputMedium
    | ClientToolResult
    | DataConnectionToolResult
    | ForcedAgentMessage
    | HangUp
    | SpawnThread
)
Message = ServerMessage | ClientMessage
