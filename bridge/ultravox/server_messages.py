"""The data messages that Ultravox sends, as values.

Fields are the wire's camelCase keys in snake_case; `messages.py` turns these into text and back.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from bridge.ultravox.vocabulary import (
    AgentState,
    Json,
    Medium,
    Role,
)

__all__ = [
    "CallStarted",
    "ClientToolInvocation",
    "DataConnectionToolInvocation",
    "Debug",
    "PlaybackClearBuffer",
    "Pong",
    "ServerMessage",
    "SideGenerationCompleted",
    "SideGenerationDelta",
    "State",
    "ThreadRejected",
    "ThreadSpawned",
    "ThreadTerminated",
    "Transcript",
    "UserStartedSpeaking",
    "UserStoppedSpeaking",
]


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
