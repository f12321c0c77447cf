"""A tool that runs in the tools' process, as the process of the calls knows it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from bridge.tools.definition import Definition, name_of
from bridge.tools.function import FunctionTool
from bridge.tools.options import Options

__all__ = ["HostedTool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedTool:
    """What is needed to offer a tool and to use it. Holds nothing but JSON."""

    key: str
    """How the tools' process finds it."""
    definition: Definition
    timeout_s: float
    late: str | None = None
    """What the agent is told at once; the result follows as text."""
    wants_call: bool = False
    """It is given the call."""

    @property
    def name(self) -> str:
        """What the agent calls it."""
        return name_of(self.definition)

    @classmethod
    def of(cls, tool: FunctionTool, key: str) -> Self:
        """A function, found by `key`."""
        return cls.made(
            key, tool.definition, tool.options, wants_call=tool.signature.context is not None
        )

    @classmethod
    def made(
        cls, key: str, definition: Definition, options: Options, *, wants_call: bool = False
    ) -> Self:
        """A tool of any source."""
        return cls(
            key=key,
            definition=definition,
            timeout_s=options.timeout_s,
            late=options.late,
            wants_call=wants_call,
        )

    def as_json(self) -> dict[str, Any]:
        """It, to be sent."""
        return asdict(self)

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """It, as it was sent."""
        return cls(**raw)

    def renamed(self, name: str) -> "HostedTool":
        """The same tool under another name."""
        tool = {**self.definition["temporaryTool"], "modelToolName": name}
        return HostedTool(**{**asdict(self), "definition": {"temporaryTool": tool}})
