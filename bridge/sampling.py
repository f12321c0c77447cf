"""A look at every live call now and then, a few at a time: audio does not wait for all of them."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

__all__ = ["AT_ONCE", "INTERVAL_S", "sample"]

INTERVAL_S: Final = 5.0
"""From one look at a call to the next."""
AT_ONCE: Final = 8
"""Calls looked at in one turn of the loop; one takes some 20 us."""

T = TypeVar("T")


async def sample(live: Mapping[str, T], look: Callable[[Collection[T]], None]) -> None:
    """Have `look` look at all that is `live`, every `INTERVAL_S`, until cancelled."""
    while True:
        await asyncio.sleep(INTERVAL_S)
        names = list(live)
        for first in range(0, len(names), AT_ONCE):
            look([live[name] for name in names[first : first + AT_ONCE] if name in live])
            await asyncio.sleep(0)
