"""The transfers of one call: one at a time, and what came of each."""

import asyncio

from bridge.errors import NotNow
from bridge.transfer.order import TransferResult

__all__ = ["Transfers"]


class Transfers:
    """Whether one is under way, and those that are over, in order."""

    def __init__(self) -> None:
        self.results: list[dict[str, object]] = []
        """What came of each, for the journal."""
        self._none = asyncio.Event()
        self._none.set()

    @property
    def under_way(self) -> bool:
        """Whether somebody is just being transferred."""
        return not self._none.is_set()

    def begin(self) -> None:
        """One is under way from now on, until `end`. Raises NotNow where another one is."""
        if self.under_way:
            raise NotNow("the call is being transferred already")
        self._none.clear()

    def end(self) -> None:
        """It is settled, one way or the other."""
        self._none.set()

    async def settled(self) -> None:
        """Wait until none is under way."""
        await self._none.wait()

    def add(self, result: TransferResult) -> None:
        """Keep what came of one."""
        self.results.append(result.papers() | {"done": result.done})
