"""What an exception group was raised for, taken out of the frames that raised it."""

import traceback
from collections.abc import Iterator
from typing import TypeVar

__all__ = ["cause_of"]

E = TypeVar("E", bound=BaseException)


def cause_of(group: BaseExceptionGroup[E]) -> E:
    """The first exception of a group, however deep, which has been dealt with.

    The frames that raised it are cleared: until then they hold it, and what they worked on.
    """
    traceback.clear_frames(group.__traceback__)
    for leaf in _leaves(group):
        error: BaseException | None = leaf
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__
    return next(_leaves(group))


def _leaves(group: BaseExceptionGroup[E]) -> Iterator[E]:
    """The exceptions of a group, however deep, in order."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
