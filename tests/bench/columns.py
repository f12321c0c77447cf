"""Columns of numbers, handed from one process of the benchmark to another in a file."""

from array import array
from collections.abc import Mapping
from pathlib import Path

import numpy as np

__all__ = ["write_columns"]


def write_columns(path: Path, columns: "Mapping[str, array[float]]") -> None:
    """Write columns of doubles as numpy's .npz."""
    arrays = {name: np.frombuffer(column) for name, column in columns.items()}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
