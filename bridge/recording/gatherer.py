"""The sound of a call on its way into a recording: gathered, then written on a thread.

stream ── heard, sent ──> batch ── once a second ──> recorder thread ──> file
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bridge.parties.party import Party
from bridge.recording.recording import Batch, Kept, Recording, Result
from bridge.recording.recordings import Recordings

__all__ = ["Gatherer", "Share"]

BATCH_S = 1.0
"""Sound that is handed over at once: what a kill of the process costs at most."""
BATCHES_WAITING = 10
"""Batches that may wait for a stalled disk before the recording is given up."""

Share = Literal["sound", "silence", "nothing"]
"""What becomes of the sound that passes."""


class Gatherer:
    """Gathers what a party says and hears for one recording, from `open` to `close`."""

    def __init__(
        self,
        recording: Recording,
        party: Party,
        *,
        recordings: Recordings,
        share: Share,
        mute: bool,
        on_failure: Callable[[], None],
    ) -> None:
        """With `mute`, the moments of digits are kept; `on_failure` is to end the recording."""
        self.party = party
        """Whose two directions are gathered."""
        self._recording = recording
        self._recordings = recordings
        self._share = share
        self._mute_digits = mute
        self._on_failure = on_failure
        self._over = False
        self._batch = Batch()
        self._filled = 0
        self._batch_bytes = 2 * int(BATCH_S * party.rate)
        self._waiting = 0

    def open(self) -> "asyncio.Future[Path]":
        """Gather from now on, and have the file made; its path is what the future brings."""
        opened = self._recordings.make(self._recording)
        opened.add_done_callback(self._done)
        self._tap(self.party)
        return opened

    def follow(self, party: Party) -> None:
        """Go on with another party, of the same rate."""
        self._untap()
        self._tap(party)

    def keep(self, share: Share) -> None:
        """Keep this much of what passes from now on."""
        self.party.stream.settle()
        self._share = share

    def close(self) -> "asyncio.Future[Kept]":
        """Gather no more, have the rest written and the file closed."""
        self._over = True
        self._untap()
        if self._recording.result is Result.WHOLE:
            self._write()
        return self._recordings.run(self._recording.close)

    def _tap(self, party: Party) -> None:
        self.party = party
        party.on_digit = self._digit
        party.stream.tap(self._heard, self._sent)

    def _untap(self) -> None:
        self.party.stream.settle()
        self.party.stream.untap()
        self.party.on_digit = None

    def _heard(self, pcm: bytes) -> None:
        self._filled += len(pcm)
        match self._share:
            case "sound":
                self._batch.heard.append(pcm)
            case "silence":
                self._batch.heard.append(bytes(len(pcm)))
        if self._filled >= self._batch_bytes:
            self._hand_over()

    def _sent(self, silence: int, pcm: bytes) -> None:
        match self._share:
            case "sound":
                self._batch.sent.append((silence, pcm))
            case "silence":
                self._batch.sent.append((silence + len(pcm) // 2, b""))

    def _digit(self) -> None:
        if self._mute_digits:
            self._batch.moments.append(sum(map(len, self._batch.heard)))

    def _hand_over(self) -> None:
        """Give the batch to the thread; a disk that cannot keep up ends the recording."""
        self.party.stream.settle()
        if self._waiting >= BATCHES_WAITING:
            self._recording.result = Result.OVERFLOW
            self._recordings.complain("the disk is too slow")
            self._on_failure()
            return
        self._write()

    def _write(self) -> None:
        batch, self._batch, self._filled = self._batch, Batch(), 0
        self._waiting += 1
        written = self._recordings.run(partial(self._recording.add, batch))
        written.add_done_callback(self._written)

    def _written(self, written: "asyncio.Future[None]") -> None:
        self._waiting -= 1
        self._done(written)

    def _done(self, work: "asyncio.Future[Any]") -> None:
        """What became of work on the thread: an error costs the recording, never the call."""
        error = work.exception()
        if error is None:
            return
        self._recording.fail(error if isinstance(error, OSError) else OSError(str(error)))
        self._recordings.complain(error)
        if not self._over:
            self._on_failure()
