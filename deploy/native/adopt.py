"""Becomes the package uvbridge_native: compiled modules, found before the .py files they are of.

They are the same sources, compiled as they stand. A build of other sources than those that lie
here is left alone, so whoever edits a file runs what they wrote.
"""

import hashlib
import os
import sys
from collections.abc import MutableSequence
from pathlib import Path

from uvbridge_native.sources import SOURCES

__all__ = ["adopt", "state"]

PURE = "UVBRIDGE_PURE"
"""Environment variable that, when set to anything, keeps the compiled modules out."""

_HOME = Path(__file__).parent
_states: dict[Path, str] = {}


def adopt(package: str, path: MutableSequence[str]) -> None:
    """Have the modules of `package`, a folder from the root, found in their compiled form.

    `path` is its __path__.
    """
    root = Path(path[0]).parents[package.count("/")]
    if state(root) == "compiled":
        path.insert(0, str(_HOME / package))


def state(root: Path) -> str:
    """How the sources under `root` run: ``compiled``, or why they do not."""
    if root not in _states:
        _states[root] = _judge(root)
    return _states[root]


def _judge(root: Path) -> str:
    if os.environ.get(PURE):
        return f"pure Python, as {PURE} asks for"
    if any(_digest(root / name) != digest for name, digest in SOURCES.items()):
        return "pure Python: what was compiled is of other sources"
    # The part that the modules share is imported by its bare name.
    sys.path.append(str(_HOME))
    return "compiled"


def _digest(source: Path) -> str:
    try:
        return hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError:
        return ""
