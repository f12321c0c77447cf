import contextlib

import pytest

from bridge.opening import Opening


class Doors(Opening):
    """Three doors; the one at `stuck` does not open."""

    def __init__(self, *, stuck: int = 0) -> None:
        super().__init__()
        self.open: list[int] = []
        self.shut: list[int] = []
        self._stuck = stuck

    async def _open(self, exits: contextlib.AsyncExitStack) -> None:
        for door in (1, 2, 3):
            if door == self._stuck:
                raise OSError(door)
            self.open.append(door)
            exits.callback(self.shut.append, door)


async def test_what_is_open_is_closed_in_reverse() -> None:
    async with Doors() as doors:
        assert (doors.open, doors.shut) == ([1, 2, 3], [])
    assert doors.shut == [3, 2, 1]


async def test_where_one_piece_cannot_be_opened_none_is_left_open() -> None:
    doors = Doors(stuck=3)
    with pytest.raises(OSError, match="3"):
        await doors.__aenter__()
    assert (doors.open, doors.shut) == ([1, 2], [2, 1])
    await doors.__aexit__(None, None, None)
    assert doors.shut == [2, 1]
