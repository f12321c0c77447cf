"""What the process's memory is made of."""

import importlib
from pathlib import Path

__all__ = ["use_huge_pages"]

_ROOT = Path(__file__).parents[1]


def use_huge_pages() -> bool:
    """Have small objects that are made from now on on huge pages; whether that was compiled.

    The kernel gives some where /sys/kernel/mm/transparent_hugepage/enabled says `madvise` or
    `always`; elsewhere nothing changes. What it saves: docs/bench/choices.md, "Allocation".
    """
    try:
        native = importlib.import_module("uvbridge_native")
        if native.state(_ROOT) != "compiled":
            return False
        importlib.import_module("uvbridge_native.bridge._arenas").use()
    except ImportError:
        return False
    return True
