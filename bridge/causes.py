"""What an exception group was raised for, taken out of the frames that raised it."""

import traceback
from collections.abc import Iterator
from typing import TypeVar

__all__ = ["causes_of"]

E = TypeVar("E", bound=BaseException)


def causes_of(group: BaseExceptionGroup[E]) -> list[E]:
    """The exceptions of a group, however deep, in the order in which they were raised.

    The frames that raised it are cleared: until then they hold it, and what they worked on.
    """
    traceback.clear_frames(group.__traceback__)
    leaves = list(_leaves(group))
    for leaf in leaves:
        error: BaseException | None = leaf
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__
    return leaves


def _leaves(group: BaseExceptionGroup[E]) -> Iterator[E]:
    """The exceptions of a group, however deep, in order."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
