"""Becomes the package uvbridge_native: compiled modules, found before the .py files they are of.

They are the same sources, compiled as they stand. A build of other sources than those that lie
here is left alone, so whoever edits a file runs what they wrote.
"""

import hashlib
import os
import sys
from collections.abc import MutableSequence
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
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
    _load_shared()
    return "compiled"


def _load_shared() -> None:
    """Load the part that the modules share, which each of them imports by its bare name.

    This folder must not be on sys.path for it: packages without __init__.py lie here, and the
    path is searched before what an editable installation adds.
    """
    for suffix in EXTENSION_SUFFIXES:
        for file in _HOME.glob(f"*__mypyc{suffix}"):
            name = file.name.removesuffix(suffix)
            spec = spec_from_file_location(name, file)
            if name not in sys.modules and spec is not None and spec.loader is not None:
                module = sys.modules[name] = module_from_spec(spec)
                spec.loader.exec_module(module)


def _digest(source: Path) -> str:
    try:
        return hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError:
        return ""
