"""A recording of whoever is connected to it, beside that of the call.

legs, agents, players ── patchbay ──> tape ── once a second ──> recorder thread ──> file
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from bridge.media.patchbay import Take
from bridge.recording.gatherer import BATCH_S, BATCHES_WAITING
from bridge.recording.recording import Batch, Recording, Result
from bridge.recording.recordings import Recordings

__all__ = ["Tape"]


class Tape:
    """A node as legs and agents are, which only hears: the sum of them, in a file of its own.

    The file begins with the first of them, has silence while there is none, and one channel. What
    of an agent's speech was dropped unheard is not in it.
    """

    steady = True

    def __init__(
        self,
        recording: Recording,
        *,
        rate: int,
        recordings: Recordings,
        on_stop: Callable[["Tape", Recording], None],
    ) -> None:
        """`rate` in Hz, of a `recording` of one channel.

        `on_stop` is told once, when nothing more will come.
        """
        self.rate = rate
        self._recording = recording
        self._recordings = recordings
        self._on_stop = on_stop
        self._heard: list[bytes] = []
        self._filled = 0
        self._batch_bytes = 2 * int(BATCH_S * rate)
        self._waiting = 0
        self._over = False
        recordings.alive += 1
        recordings.make(recording).add_done_callback(self._done)

    def __repr__(self) -> str:
        return f"<Tape at {self.rate} Hz>"

    @property
    def over(self) -> bool:
        """Whether it was stopped, or the disk refused it."""
        return self._over

    def stop(self) -> None:
        """End it; its file is finished soon after. Again does nothing."""
        if self._over:
            return
        self._over = True
        self._recordings.alive -= 1
        if self._heard and self._recording.result is Result.WHOLE:
            self._write()
        self._on_stop(self, self._recording)
        self._on_stop = _nobody

    # Hearing.

    def inlet(self, *, live: bool) -> Take:
        """Where audio for it goes."""
        return self._take

    def clear(self) -> float:
        """Nothing waits on the way to it."""
        return 0.0

    def withdraw(self) -> bytes:
        """Nothing waits on the way to it."""
        return b""

    def _take(self, pcm: bytes) -> None:
        if self._over:
            return
        self._heard.append(pcm)
        self._filled += len(pcm)
        if self._filled < self._batch_bytes:
            return
        if self._waiting < BATCHES_WAITING:
            self._write()
            return
        self._heard, self._filled = [], 0
        if self._recording.result is Result.WHOLE:
            self._recording.result = Result.OVERFLOW
            self._recordings.complain("the disk is too slow")
            # Not here and now: whoever gives this sound is in the middle of it.
            asyncio.get_running_loop().call_soon(self.stop)

    def _write(self) -> None:
        pcm, self._heard, self._filled = b"".join(self._heard), [], 0
        self._waiting += 1
        batch = Batch(heard=[pcm], sent=[(0, pcm)])
        self._recordings.run(partial(self._recording.add, batch)).add_done_callback(self._written)

    def _written(self, written: "asyncio.Future[None]") -> None:
        self._waiting -= 1
        self._done(written)

    def _done(self, work: "asyncio.Future[Any]") -> None:
        """What became of work on the thread: an error costs the recording, never the call."""
        error = work.exception()
        if error is not None:
            self._recording.fail(error if isinstance(error, OSError) else OSError(str(error)))
            self._recordings.complain(error)
            self.stop()


def _nobody(_tape: Tape, _recording: Recording) -> None:
    """Who is told of a second end."""
