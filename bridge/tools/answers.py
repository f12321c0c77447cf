"""What a tool may return besides text, and raise: small values, made of what the agent is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["HangUp", "NewStage", "Reaction", "Reply", "ToolError", "Urgency"]

Reaction = Literal["speaks", "listens", "speaks-once"]
"""Whether the agent speaks after a result; speaks-once does not call another tool first."""
Urgency = Literal["immediate", "soon", "later"]
"""When the agent acts on a text: now, interrupting; at its next chance; when next it speaks."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A result, and what the agent does with it."""

    result: Any = None
    """Text as it is, anything else as JSON."""
    reaction: Reaction | None = field(default=None, kw_only=True)
    state: Mapping[str, Any] | None = field(default=None, kw_only=True)
    """What is changed in the call's state at Ultravox (updateCallState)."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; the caller hears the message, and what was said before it, to the end."""

    message: str | None = None
    strict: bool = field(default=True, kw_only=True)
    """False lets the caller keep the line by speaking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStage:
    """A new stage of the call: whatever is given replaces what the agent had."""

    system_prompt: str | None = None
    tools: Sequence[str | Callable[..., Any]] | None = None
    """The agent's tools from now on: names of those it has in the configuration, or functions."""
    voice: str | None = None
    temperature: float | None = None
    language_hint: str | None = None
    initial_messages: Sequence[Mapping[str, Any]] | None = None
    result: str | None = None
    """What the new stage is told as the result of this tool."""


class ToolError(Exception):
    """The tool could not do it, and the agent is told why in these words, so that it can act."""
