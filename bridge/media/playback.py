"""A file that plays by itself to whoever is connected to it, until it is over or stopped."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bridge.media.patchbay import Patchbay
from bridge.media.player import Player

__all__ = ["Playback"]

TAIL_S = 0.1
"""What mixers may still have to give out when all of it has had its time."""


class Playback(Player):
    """A player that is a node as legs and agents are: only heard, and by any number of them.

    It begins when it is first connected, and leaves the patchbay at its end.
    """

    def __init__(self, pcm: bytes, *, rate: int, loop: bool, patchbay: Patchbay) -> None:
        """`pcm` is s16le mono at `rate` Hz; with `loop` it is played until `stop`."""
        super().__init__(pcm, rate=rate, loop=loop)
        self._patchbay = patchbay
        self._playing: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Playback of {self.seconds:.1f} s>"

    @property
    def over(self) -> bool:
        """Whether it has come to its end, or was stopped."""
        return self._over.is_set()

    async def ended(self) -> None:
        """Wait until it is over."""
        await self._over.wait()

    def stop(self) -> None:
        """End it for all who hear it; what they have not heard is dropped. Again does nothing."""
        if not self.over:
            self._patchbay.clear(self)
            if self._playing is not None:
                self._playing.cancel()
            self._leave()

    def begin(self, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> None:
        """Play from now on, in a task that `spawn` makes. Again, or when over, does nothing."""
        if self._playing is None and not self.over:
            self._playing = spawn(self._run())

    async def _run(self) -> None:
        try:
            await self.play()
            await asyncio.sleep(TAIL_S)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._over.set()
        self._playing = None
        self._patchbay.remove(self)
