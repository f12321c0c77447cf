"""The words of an Ultravox call's data messages: what their fields may say.

Source: docs.ultravox.ai, page "data messages" (2026-04-27), and the API's OpenAPI (2026-07-02).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

__all__ = [
    "AgentState",
    "Json",
    "Medium",
    "Reaction",
    "ResponseType",
    "Role",
    "ToolErrorType",
    "Urgency",
]

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
