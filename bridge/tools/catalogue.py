"""The tools that a configuration names, found: what each is, or why it cannot be one."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bridge.configuration import reference
from bridge.tools.context import ToolContext
from bridge.tools.function import FunctionTool
from bridge.tools.hosted import HostedTool
from bridge.tools.signature import Unsupported

__all__ = ["Catalogue"]


class Catalogue:
    """Functions by the reference that names them."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the configuration file's."""
        self._folder = folder
        self.functions: dict[str, FunctionTool] = {}
        self.mistakes: dict[str, str] = {}
        """What is wrong, by the reference that is."""

    def load(self, references: Iterable[str]) -> None:
        """Import what each reference names; this runs its module."""
        for each in references:
            try:
                self.functions[each] = FunctionTool(
                    reference.find(each, self._folder), ours=ToolContext
                )
            except reference.BadReference as error:
                self.mistakes[each] = str(error)
            except Unsupported as error:
                self.mistakes[each] = f"{each} cannot be a tool: {error}"

    def add(self, function: Callable[..., Any]) -> HostedTool:
        """Take in a function that is named by nothing but itself. Raises Unsupported."""
        tool = FunctionTool(function, ours=ToolContext)
        key = f"{function.__module__}:{function.__qualname__}"
        self.functions[key] = tool
        return HostedTool.of(tool, key)

    @property
    def hosted(self) -> list[HostedTool]:
        """What was found, as the process of the calls knows it."""
        return [HostedTool.of(tool, key) for key, tool in self.functions.items()]
