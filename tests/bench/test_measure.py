from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.bench import measure
from tests.bench.lab import Lab


@pytest.mark.parametrize(
    ("stolen", "patience", "number"),
    [
        ([0.4], 3, 1),
        ([2.0, 0.4], 3, 2),
        ([2.0, 3.0, 4.0, 5.0], 3, 4),
        ([2.0], 0, 1),
    ],
)
def test_a_window_that_the_host_disturbs_is_measured_again_while_patience_lasts(
    stolen: list[float], patience: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(stolen)

    def window(*_: object) -> Any:
        return SimpleNamespace(stolen=next(left))

    monkeypatch.setattr(measure, "Window", window)
    found, count = measure.undisturbed(cast("Lab", None), 100, 20.0, patience)
    assert count == number
    assert found.stolen == stolen[number - 1]
    assert next(left, None) is None
