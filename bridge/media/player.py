"""Plays PCM to whoever is connected: a prompt, an announcement, music on hold."""

import asyncio

from bridge.media.patchbay import Take

__all__ = ["Player"]

STEP_S = 1.0
"""Audio handed over at once. The wire's own clock plays it out, so that this one is coarse."""
LEAD_S = 2.0
"""Audio handed over ahead of time."""


class Player:
    """A source that runs ahead, as an agent's speech does."""

    live = False

    def __init__(self, pcm: bytes, *, rate: int, loop: bool = False) -> None:
        """`pcm` is s16le mono at `rate` Hz; with `loop` it is played over and over."""
        self.rate = rate
        self._pcm = pcm
        self._loop = loop
        self._take: Take | None = None

    @property
    def seconds(self) -> float:
        """How long it is, once."""
        return len(self._pcm) / (2 * self.rate)

    def feed(self, take: Take | None) -> None:
        """Give its audio to `take` from now on."""
        self._take = take

    async def play(self) -> None:
        """Play it; returns when all of it has had its time."""
        clock = asyncio.get_running_loop().time
        began, sent, size = clock(), 0.0, 2 * int(self.rate * STEP_S)
        while self._pcm:
            for start in range(0, len(self._pcm), size):
                piece = self._pcm[start : start + size]
                await asyncio.sleep(max(0.0, began + sent - LEAD_S - clock()))
                if self._take is not None:
                    self._take(piece)
                sent += len(piece) / (2 * self.rate)
            if not self._loop:
                break
        await asyncio.sleep(max(0.0, began + sent - clock()))
