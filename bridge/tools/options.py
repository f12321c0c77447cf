"""The decorator that says how a function is used as a tool; without it the defaults hold."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, overload

from bridge.tools.answers import Reaction

__all__ = ["DEFAULT_TIMEOUT_S", "MAX_TIMEOUT_S", "Options", "options_of", "tool"]

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S = 2.5, 40.0
"""Ultravox's own default and limit: the conversation stands still until the result is there."""
MAX_LATE_TIMEOUT_S = 3600.0

_ATTRIBUTE = "__uvbridge_tool__"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a function is used as a tool. Raises ValueError where that cannot be."""

    name: str | None = None
    """What the agent calls it; the function's own name where None."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    reaction: Reaction | None = None
    """What the agent does after a result; Ultravox's default is to speak."""
    precomputable: bool = False
    """Ultravox may call it early, on a guess: it must change nothing."""
    late: str | None = None
    """What the agent is told at once; the result follows as text when it is there."""
    process: bool = False
    """It computes for long: a process of its own keeps it from holding up other tools."""

    def __post_init__(self) -> None:
        longest = MAX_TIMEOUT_S if self.late is None else MAX_LATE_TIMEOUT_S
        if not isinstance(self.timeout_s, int | float) or not 0 < self.timeout_s <= longest:
            raise ValueError(
                f"timeout_s should be over 0 and at most {longest:g} seconds"
                + ("" if self.late else "; with late= it may be longer")
            )
        if self.reaction is not None and self.reaction not in get_args(Reaction):
            raise ValueError(f"reaction should be one of {', '.join(get_args(Reaction))}")
        if self.name is not None and not _NAME.fullmatch(self.name):
            raise ValueError("name should be 1 to 64 letters, digits, _ and -")


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    *,
    name: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    reaction: Reaction | None = None,
    precomputable: bool = False,
    late: str | None = None,
    process: bool = False,
) -> Callable[[F], F]: ...
def tool(function: Any = None, /, **options: Any) -> Any:
    """Say how a function is used as a tool; the function itself stays as it is.

    Raises ValueError where an option cannot be.
    """
    made = Options(**options)

    def mark(function: F) -> F:
        setattr(function, _ATTRIBUTE, made)
        return function

    return mark if function is None else mark(function)


def options_of(function: Callable[..., Any]) -> Options:
    """The options of a function: those of its decorator, or the defaults."""
    options = getattr(function, _ATTRIBUTE, None)
    return options if isinstance(options, Options) else Options()
