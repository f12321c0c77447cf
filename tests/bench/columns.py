"""Columns of numbers, handed from the benchmark's load to the program that measures.

A line of JSON with their names and lengths, in order, then their values as doubles.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "read_columns"]

Column = NDArray[np.float64]


def read_columns(path: Path) -> dict[str, Column]:
    """The columns by name."""
    with path.open("rb") as file:
        lengths = json.loads(file.readline())
        return {name: np.fromfile(file, count=length) for name, length in lengths.items()}
