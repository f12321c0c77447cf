"""What a use of a tool came to: how it is counted, and what the agent's side is told.

    returned             text as it is, None as "ok", the rest as JSON   ok        result
    arguments, ToolError                                                 refused   result
    raised, not JSON                                                     error     an error
    took too long                                                        timeout   an error
    no such tool                                                         unknown   an error

The model reads a result and never an error's message, which is for logs: what it can mend is
told as a result, what it cannot as an error.
"""

import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from bridge.tools.answers import HangUp, NewStage, Reaction, Reply

__all__ = ["Kind", "ToolResult", "failure", "raised", "refusal", "result_of", "trace_of"]

MAX_TEXT = 100_000
"""Characters of a result. More is no answer that a conversation could use."""


class Kind(StrEnum):
    """How it went: a closed set, so that it can label a metric."""

    OK = "ok"
    REFUSED = "refused"
    """The agent was told why not."""
    ERROR = "error"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    BUSY = "busy"
    """Too many ran already."""
    CANCELLED = "cancelled"
    """The call ended first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """One use of a tool, done. Holds nothing but JSON."""

    kind: Kind = Kind.OK
    text: str | None = None
    """What the agent reads."""
    reaction: Reaction | None = None
    state: Mapping[str, Any] | None = None
    hang_up: Mapping[str, Any] | None = None
    """The call ends, with this farewell."""
    stage: Mapping[str, Any] | None = None
    """A new stage begins, all but its tools."""
    stage_tools: tuple[Any, ...] | None = None
    """Of the new stage: a tool's name, or a function of it as the host offers it."""
    error: str | None = None
    """For logs; never anything that the caller said or a secret could be in."""

    def as_json(self) -> dict[str, Any]:
        """All that is not empty."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def failure(kind: Kind, error: str) -> ToolResult:
    """It did not work, and the model can do nothing about it."""
    return ToolResult(kind=kind, error=error)


def refusal(text: str) -> ToolResult:
    """It was not done, and the agent is told why."""
    return ToolResult(kind=Kind.REFUSED, text=text)


def raised(name: str, error: BaseException) -> ToolResult:
    """The tool raised `error`: its type and place are told, its text may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return failure(Kind.ERROR, f"{name} raised {type(error).__name__}{where}")


def trace_of(error: BaseException) -> str:
    """The lines of code that led to `error`, without what they held at the time."""
    return "".join(traceback.format_list(traceback.extract_tb(error.__traceback__))).rstrip()


def result_of(value: Any, *, name: str) -> ToolResult:
    """What the return value of the tool `name` says. May take long where the value is large."""
    if isinstance(value, HangUp):
        farewell = {"strict": value.strict}
        return ToolResult(hang_up=farewell | ({"message": value.message} if value.message else {}))
    if isinstance(value, NewStage):
        return _stage(value, name)
    if isinstance(value, Reply):
        plain = _text(value.result, name)
        if plain.kind is not Kind.OK:
            return plain
        state = _checked(value.state, name) if value.state is not None else None
        if isinstance(state, ToolResult):
            return state
        return ToolResult(text=plain.text, reaction=value.reaction, state=state)
    return _text(value, name)


def _text(value: Any, name: str) -> ToolResult:
    if value is None:
        return ToolResult(text="ok")
    if isinstance(value, str):
        text = value
    else:
        try:
            text = to_json(value, inf_nan_mode="null").decode()
        except (PydanticSerializationError, ValueError, RecursionError):
            kind = type(value).__name__
            return failure(Kind.ERROR, f"{name} returned {kind}, which JSON cannot hold")
    if len(text) > MAX_TEXT:
        told = f"{name} returned {len(text)} characters, more than {MAX_TEXT}"
        return failure(Kind.ERROR, told)
    return ToolResult(text=text.encode("utf-8", "replace").decode())


def _stage(stage: NewStage, name: str) -> ToolResult:
    told = {
        "systemPrompt": stage.system_prompt,
        "voice": stage.voice,
        "temperature": stage.temperature,
        "languageHint": stage.language_hint,
        "initialMessages": list(stage.initial_messages) if stage.initial_messages else None,
        "toolResultText": stage.result,
    }
    checked = _checked({key: value for key, value in told.items() if value is not None}, name)
    if isinstance(checked, ToolResult):
        return checked
    tools = None if stage.tools is None else tuple(stage.tools)
    return ToolResult(stage=checked, stage_tools=tools)


def _checked(value: Mapping[str, Any], name: str) -> Mapping[str, Any] | ToolResult:
    """A JSON object, or the failure that it is none."""
    try:
        plain: dict[str, Any] = from_json(to_json(dict(value), inf_nan_mode="null"))
    except (PydanticSerializationError, TypeError, ValueError, RecursionError):
        return failure(Kind.ERROR, f"{name} returned a {type(value).__name__} that is no JSON")
    return plain
