"""Facts of the call put into an agent's texts.

    {caller} {caller_name} {callee} {trunk} {sip_call_id} {call_id}
    {header:X-Foo}    a SIP header of the INVITE, "" where it has none
    {var:name}        a variable given with the order of an outbound call, "" where it gave none

Everything else in braces stays as it is: prompts hold JSON, and ``{{name}}`` is Ultravox's own.
"""

import re
from collections.abc import Mapping
from typing import Any, overload

from bridge.configuration.mistakes import nearest
from bridge.facts import Facts

__all__ = ["PLACEHOLDERS", "doubtful", "fill", "header_values"]

PLACEHOLDERS = ("caller", "caller_name", "callee", "trunk", "sip_call_id", "call_id")
"""The words that stand alone in braces."""

_PREFIXES = ("header", "var")
_BRACED = re.compile(r"(?<!\{)\{(?P<word>[A-Za-z_]+)(?::(?P<name>[^{}\s]+))?\}(?!\})")


@overload
def fill(value: str, facts: Facts) -> str: ...
@overload
def fill(value: Mapping[str, Any], facts: Facts) -> dict[str, Any]: ...
@overload
def fill(value: Any, facts: Facts) -> Any: ...
def fill(value: Any, facts: Facts) -> Any:
    """Return `value` with the placeholders filled in every text in it, however deep."""
    if isinstance(value, str):
        return _BRACED.sub(lambda match: _text(match, facts), value)
    if isinstance(value, Mapping):
        return {key: fill(item, facts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, facts) for item in value]
    return value


def doubtful(text: str) -> list[tuple[str, str]]:
    """Return the braced words that are no placeholder but look like one, each with that one."""
    found: list[tuple[str, str]] = []
    for match in _BRACED.finditer(text):
        word, known = match["word"], _PREFIXES if match["name"] else PLACEHOLDERS
        if word not in known and (close := nearest(word, known)) is not None:
            found.append((match[0], match[0].replace(word, close, 1)))
    return found


def header_values(headers: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """Return all values of a header; names are alike in any case (RFC 3261 section 7.3.1)."""
    wanted = name.lower()
    return tuple(
        value for key, values in headers.items() if key.lower() == wanted for value in values
    )


def _text(match: re.Match[str], facts: Facts) -> str:
    """Return what one braced word stands for, or the word as it is written."""
    match match["word"], match["name"]:
        case "header", str(name):
            return ", ".join(header_values(facts.headers, name))
        case "var", str(name):
            return facts.variables.get(name, "")
        case "call_id", None:
            return facts.id
        case ("caller" | "caller_name" | "callee" | "trunk" | "sip_call_id") as word, None:
            return str(getattr(facts, word))
    return match[0]
