"""Several sources added up for one sink, a frame every 20 ms; silence where there is none."""

import asyncio
import audioop
from collections.abc import Callable, Iterable

from rtp.playout import Playout

__all__ = ["Mixer"]

FRAME_S = 0.020
AHEAD_S = 32.0
"""What a source that runs ahead may have queued: Ultravox is told 30 s."""
LIVE_S = 0.120
"""What a live source may have queued. Beyond it the oldest is dropped: jitter may not become
delay that stays, nor may two clocks that differ."""
CATCH_UP_S = 2.0
"""Of frames made up for after a stall of ours."""


class Mixer:
    """Pulls frames from queues, one for each source, on a clock of its own."""

    def __init__(self, deliver: Callable[[bytes], None], *, rate: int, steady: bool) -> None:
        """`rate` in Hz. A `steady` sink gets the frames of a stall later, others never."""
        self._deliver = deliver
        self._rate = rate
        self._steady = steady
        self._frame = 2 * int(rate * FRAME_S)
        self._silence = bytes(self._frame)
        self._queues: dict[object, Playout] = {}
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = 0
        """Bytes of live audio that came faster than it was taken."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to deliver."""
        self._loop = loop
        self._due = loop.time()
        self._timer = loop.call_at(self._due, self._tick)

    def close(self) -> None:
        """Deliver nothing more; what is queued can still be withdrawn."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def queue(self, source: object, pcm: bytes) -> None:
        """Queue PCM of a source that runs ahead."""
        self._playout(source).push(pcm)

    def inlet(self, source: object) -> Callable[[bytes], None]:
        """Where audio of `source` goes."""
        playout = self._playout(source)
        if not getattr(source, "live", False):
            return lambda pcm: _ignore(playout.push(pcm))
        playout.resize(2 * int(self._rate * LIVE_S))

        def take(pcm: bytes) -> None:
            self.dropped += playout.push(pcm)

        return take

    def clear(self, source: object) -> float:
        """Drop what `source` has queued; returns how many milliseconds that was."""
        playout = self._queues.get(source)
        return 0.0 if playout is None else 1000 * playout.clear() / (2 * self._rate)

    def withdraw(self, source: object) -> bytes:
        """Take back what `source` has queued."""
        playout = self._queues.get(source)
        return b"" if playout is None else playout.pull(playout.depth)

    def keep(self, sources: Iterable[object]) -> None:
        """Forget all other sources."""
        kept = list(sources)
        for source in [each for each in self._queues if each not in kept]:
            del self._queues[source]

    def frame(self) -> bytes:
        """The next frame of the sum."""
        mixed = b""
        for playout in self._queues.values():
            pcm = playout.pull(self._frame)
            if not pcm:
                continue
            if len(pcm) < self._frame:
                pcm += bytes(self._frame - len(pcm))
            mixed = audioop.add(mixed, pcm, 2) if mixed else pcm
        return mixed

    def _playout(self, source: object) -> Playout:
        if source not in self._queues:
            self._queues[source] = Playout(2 * int(self._rate * AHEAD_S))
        return self._queues[source]

    def _tick(self) -> None:
        now = self._loop.time()
        if now - self._due > (CATCH_UP_S if self._steady else FRAME_S):
            self._due = now
        while self._due <= now:
            self._due += FRAME_S
            if pcm := self.frame() or (self._silence if self._steady else b""):
                self._deliver(pcm)
        self._timer = self._loop.call_at(self._due, self._tick)


def _ignore(_: int) -> None:
    """What did not fit of 32 s is old."""
