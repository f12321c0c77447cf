"""What is opened piece by piece, and closed in reverse: all of it, or nothing."""

import contextlib
from types import TracebackType
from typing import Self

__all__ = ["Opening"]


class Opening:
    """An async context manager of what its subclass opens in `_open`.

    Where one piece cannot be opened those before it are closed, and the error is raised.
    """

    def __init__(self) -> None:
        self._exits = contextlib.AsyncExitStack()

    async def _open(self, exits: contextlib.AsyncExitStack) -> None:
        """Open what there is to open, and leave in `exits` how it is closed."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as exits:
            await self._open(exits)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()
