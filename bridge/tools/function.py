"""A function as a tool: what the agent is told of it, and how it is called."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from bridge.tools.definition import Definition, define
from bridge.tools.description import describe
from bridge.tools.options import options_of
from bridge.tools.signature import Signature, Unsupported

__all__ = ["FunctionTool"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class FunctionTool:
    """A plain or an async function. Raises Unsupported where it cannot be a tool."""

    def __init__(self, function: Callable[..., Any], *, ours: type) -> None:
        """A parameter annotated `ours` is not offered to the agent."""
        if not callable(function) or inspect.isclass(function):
            raise Unsupported("is no function")
        self.function = function
        self.options = options_of(function)
        name = self.options.name or str(getattr(function, "__name__", ""))
        if not _NAME.fullmatch(name):
            raise Unsupported(f"{name or 'it'} is no name for a tool; give one by @tool(name=…)")
        self.name = name
        self.is_async = inspect.iscoroutinefunction(function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise Unsupported("is a generator; a tool returns one value")
        told = describe(function, name=name)
        self.signature = Signature(function, ours=ours, descriptions=told.parameters)
        if self.options.process and (self.is_async or self.signature.context is not None):
            raise Unsupported("process=True is for plain functions that do not ask for the call")
        self.definition: Definition = define(
            name, told.text, self.signature.parameters, self.options
        )

    def arguments(self, given: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """The keyword arguments of a call. Raises BadArguments where the agent's are wrong."""
        arguments = self.signature.bind(given)
        if self.signature.context is not None:
            arguments[self.signature.context] = context
        return arguments
