import re

import pytest

from tests.bench.plot import chart


@pytest.mark.parametrize(("highest", "top"), [(1.34, "1.5"), (45.0, "60"), (0.39, "0.6")])
def test_the_upward_axis_has_round_numbers_and_room_for_every_point(
    highest: float, top: str
) -> None:
    drawn = chart("a", {"b": [(1, highest)]}, across="x", upward="y", limit=0.4)
    labels = re.findall(r'text-anchor="end".*?>([^<]*)<', drawn)
    assert labels[-1] == top
    assert float(top) >= highest
