"""Extensions in C beside their twins in Python, for tests that both have to pass."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from deploy.native.build import installed, place

__all__ = ["compiled"]

_ROOT = Path(__file__).parents[2]


def compiled(source: str) -> Any:
    """The module made of a C file, by its path from the root; None where that was not compiled."""
    digest = hashlib.sha256((_ROOT / source).read_bytes()).hexdigest()
    stem = source.removesuffix(".c")
    found = list(place().glob(f"{stem}.*.so"))
    if installed().get(source) != digest or not found:
        return None
    spec = importlib.util.spec_from_file_location(stem.replace("/", "."), found[0])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
