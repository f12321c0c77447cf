import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A configuration's folder; Python forgets it, and what was imported from it, afterwards."""
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    # Theirs only: pjsua2 imported a second time in one process crashes it.
    for name, module in list(sys.modules.items()):
        if (file := getattr(module, "__file__", None)) and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]
