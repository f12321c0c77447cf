"""The data messages that a client of Ultravox sends, as values.

Fields are the wire's camelCase keys in snake_case; `messages.py` turns these into text and back.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from bridge.ultravox.vocabulary import (
    Json,
    Medium,
    Reaction,
    ResponseType,
    ToolErrorType,
    Urgency,
)

__all__ = [
    "ClientMessage",
    "ClientToolResult",
    "DataConnectionToolResult",
    "ForcedAgentMessage",
    "HangUp",
    "Ping",
    "SetOutputMedium",
    "SpawnThread",
    "UserTextMessage",
]


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
class _ToolResult:
    """What a tool came to. The model sees `result`, never `error_message`."""

    invocation_id: str
    result: str | None = field(default=None, repr=False)
    """Kept out of the log: it may be digits that the caller entered."""
    response_type: ResponseType | None = None
    agent_reaction: Reaction | None = None
    update_call_state: Json | None = field(default=None, repr=False)
    error_type: ToolErrorType | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientToolResult(_ToolResult):
    """What a ClientToolInvocation came to."""

    type: ClassVar[str] = "client_tool_result"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConnectionToolResult(_ToolResult):
    """What a DataConnectionToolInvocation came to."""

    type: ClassVar[str] = "data_connection_tool_result"


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
