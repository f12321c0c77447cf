"""A file of JSON lines that is only ever appended to, each time by a whole line or by nothing."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["append", "touch"]


def touch(path: Path) -> None:
    """See that the file is there and can be written. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab"):
        pass


def append(path: Path, value: Mapping[str, Any]) -> None:
    """Append one line; what a full disk took of it is taken back. Raises OSError."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    line = text.encode("utf-8", "replace") + b"\n"
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        try:
            if file.write(line) < len(line):
                raise OSError("no room for a whole line")
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise
