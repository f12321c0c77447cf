"""What others wrote, made fit for a terminal: characters that it would obey are shown instead.

A caller's name may be any text at all: with ESC in it, it could write over what an operator reads.
"""

import json
from typing import Final

__all__ = ["visible", "visible_json", "visible_lines"]

_C0: Final = range(32)
_C1: Final = range(127, 160)
"""DEL among them; JSON lets these stand."""
_LINES: Final = {code: f"\\x{code:02x}" for code in (*_C0, *_C1) if chr(code) not in "\t\n"}
_ALL: Final = _LINES | {ord("\t"): "\\x09", ord("\n"): "\\x0a"}
_IN_JSON: Final = {code: f"\\u{code:04x}" for code in _C1}


def visible(text: str) -> str:
    """Return `text` on one line, without anything that a terminal obeys."""
    return text.translate(_ALL)


def visible_lines(text: str) -> str:
    """Return the same with its line breaks and tabs."""
    return text.translate(_LINES)


def visible_json(value: object) -> str:
    """Return `value` as one line of JSON that a terminal shows as it is."""
    return json.dumps(value, ensure_ascii=False).translate(_IN_JSON)
