"""Where a recording is kept: the file name that a template makes of a call."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from bridge.facts import Facts

__all__ = ["PLACEHOLDERS", "check", "paths"]

PLACEHOLDERS = ("id", "date", "time", "agent", "trunk", "caller", "callee", "direction")
MOST = 1000
"""Recordings of one name that are told apart by a number."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_UNFIT = re.compile(r"[^A-Za-z0-9+_.@-]")


def check(template: str) -> str:
    """Return `template` as it is. Raises ValueError where no good path can come of it."""
    for name in _BRACES.findall(template):
        if name not in PLACEHOLDERS:
            known = ", ".join(PLACEHOLDERS)
            raise ValueError(f"{{{name}}} is not known here; there are {known}")
    parts = template.split("/")
    if not all(parts) or any(part.startswith(".") for part in parts):
        raise ValueError("should be a path below the folder, such as {date}/{time}-{id}")
    return template


def paths(folder: Path, template: str, facts: Facts, suffix: str) -> Iterator[Path]:
    """Where to keep a recording of that call: the first path that is free is the one."""
    began = time.localtime(facts.started)
    values = {
        "id": facts.id,
        "date": time.strftime("%Y-%m-%d", began),
        "time": time.strftime("%H%M%S", began),
        "agent": facts.agent,
        "trunk": facts.trunk,
        "caller": facts.caller,
        "callee": facts.callee,
        "direction": facts.direction.value,
    }
    name = _BRACES.sub(lambda found: _fit(values[found[1]]), template)
    for number in range(1, MOST):
        yield folder / f"{name}{f'-{number}' if number > 1 else ''}.{suffix}"


def _fit(value: str) -> str:
    """A stranger's text made fit for a file name."""
    return _UNFIT.sub("_", value)[:64].lstrip(".") or "_"
