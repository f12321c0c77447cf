"""What a docstring tells the agent of a function and its parameters.

Google's, Sphinx's and NumPy's forms are read; types in them are passed over, the annotations hold.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import docstring_parser

__all__ = ["Description", "describe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A docstring, taken apart."""

    text: str
    """What it does; what is said of results and exceptions is left out."""
    parameters: dict[str, str] = field(default_factory=dict)


def describe(function: Callable[..., Any], *, name: str) -> Description:
    """Read a function's docstring; without one the tool's `name` has to tell what it does."""
    text = inspect.getdoc(function)
    if not text:
        return Description(text=name.replace("_", " ").replace("-", " "))
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return Description(text=text)
    said = [part for part in (parsed.short_description, parsed.long_description) if part]
    return Description(
        text="\n\n".join(said) or text,
        parameters={
            each.arg_name: " ".join(each.description.split())
            for each in parsed.params
            if each.description
        },
    )
