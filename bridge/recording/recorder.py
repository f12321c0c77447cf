"""A call's recorder: starts and ends its recordings, and carries sound to their thread.

stream ── heard, sent ──> batch ── once a second ──> recorder thread ──> file

Nothing of it is on the path of a call that is not recorded.
"""

import asyncio
import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from bridge.agents.talks import Talks
from bridge.configuration.recordings import RecordingConfig
from bridge.errors import NotNow
from bridge.facts import Facts
from bridge.media import wav
from bridge.media.patchbay import Patchbay
from bridge.parties.party import Party
from bridge.recording import names
from bridge.recording.announcement import announce
from bridge.recording.recording import Batch, Kept, Recording, Result
from bridge.recording.recordings import Recordings
from bridge.recording.tape import Tape

__all__ = ["RecordAction", "Recorder"]

log = logging.getLogger("bridge.recording")

BATCH_S = 1.0
"""Sound that is handed over at once: what a kill of the process costs at most."""
BATCHES_WAITING = 10
"""Batches that may wait for a stalled disk before the recording is given up."""
ANNOUNCEMENT_S = 2.0
"""How long the announcement's file may take to read."""
CLOSE_S = 3.0
"""How long the end of a call waits for its recording to be closed."""


RecordAction = Literal["start", "stop", "pause", "resume"]
"""What may be asked of a recorder."""


class Recorded(Protocol):
    """The call that is recorded: what its first party says and hears, or who took its place."""

    facts: Facts
    patchbay: Patchbay
    talks: Talks

    @property
    def current(self) -> Party:
        """Whose two directions are recorded."""

    def note(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call that something happened."""


class Recorder:
    """Records one call, on demand or from its answer; several files where it is stopped between."""

    def __init__(
        self, call: Recorded, *, recordings: Recordings, plan: RecordingConfig, mute: bool
    ) -> None:
        """With `mute`, digits are silenced in what is kept."""
        self.plan = plan
        self.kept: list[Kept] = []
        """Recordings of this call that are over."""
        self.paused = False
        self._call = call
        self._recordings = recordings
        self._mute_digits = mute
        self._recording: Recording | None = None
        self._tapes: list[Tape] = []
        self._party: Party
        self._starting = False
        self._over = False
        self._held = False
        self._batch = Batch()
        self._filled = 0
        self._batch_bytes = 0
        self._waiting = 0
        self._closing: set[asyncio.Future[Kept]] = set()

    @property
    def recording(self) -> bool:
        """Whether the call is being recorded, paused or not."""
        return self._recording is not None

    async def obey(self, action: RecordAction) -> None:
        """Do what is asked for. Raises NotNow where that cannot be."""
        match action:
            case "start":
                await self.start()
            case "stop":
                self.stop()
            case "pause":
                self.pause()
            case "resume":
                self.resume()

    async def start(self) -> None:
        """Tell the caller, where an announcement is configured, then record from now on.

        Raises NotNow where it is recorded already, or there is no folder.
        """
        folder = self._recordings.config.folder
        if folder is None:
            raise NotNow("recordings.folder is not set")
        if self._recording is not None or self._starting:
            raise NotNow("the call is being recorded")
        self._starting = True
        try:
            await self._announce()
        finally:
            self._starting = False
        if self._over:
            raise NotNow("the call is over")
        self._begin(folder)

    async def start_as_planned(self) -> None:
        """Record from now on, if that is the plan. What stands in the way costs the recording."""
        if self.plan.auto:
            with contextlib.suppress(NotNow):
                await self.start()

    async def tape(self, rate: int) -> Tape:
        """Tell the caller as `start` does, then have a recording of whoever is connected to it.

        It is kept beside the call's own, for which it makes no difference. Tones of digits are
        silenced in it as there. Raises NotNow as `start`, but for another recording.
        """
        folder = self._recordings.config.folder
        if folder is None:
            raise NotNow("recordings.folder is not set")
        await self._announce()
        if self._over:
            raise NotNow("the call is over")
        tape = Tape(
            self._made(folder, rate),
            rate=rate,
            recordings=self._recordings,
            on_stop=self._tape_stopped,
        )
        self._tapes.append(tape)
        return tape

    def _tape_stopped(self, tape: Tape, recording: Recording) -> None:
        self._tapes.remove(tape)
        self._call.patchbay.remove(tape)
        self._close(recording)

    def _made(self, folder: Path, rate: int) -> Recording:
        name, kind = self._recordings.config.name, self.plan.format
        paths = names.paths(folder, name, self._call.facts, kind)
        return Recording(paths, kind, rate, mute=self._mute_digits)

    def _begin(self, folder: Path) -> None:
        party = self._party = self._call.current
        rate = party.rate
        recording = self._recording = self._made(folder, rate)
        self._recordings.alive += 1
        self._batch, self._filled, self._waiting = Batch(), 0, 0
        self._batch_bytes = 2 * int(BATCH_S * rate)
        self.paused = False
        opened = self._recordings.run(recording.open)
        opened.add_done_callback(partial(self._opened, recording))
        self._tap(party)

    def _opened(self, recording: Recording, opened: "asyncio.Future[Path]") -> None:
        if opened.exception() is None:
            self._call.note("recording", path=str(opened.result()))
        else:
            self._refused(recording, opened.exception())

    async def _announce(self) -> None:
        call, path = self._call, self.plan.announcement
        if path is None:
            return
        try:
            async with asyncio.timeout(ANNOUNCEMENT_S):
                pcm = await wav.load(path, call.current.rate)
        except (OSError, ValueError) as error:
            # Better no recording than one that nobody was told of.
            self._recordings.results[Result.FAILED] += 1
            why = str(error) or f"{path} could not be read in {ANNOUNCEMENT_S:g} s"
            self._recordings.complain(why)
            raise NotNow("the announcement cannot be played") from error
        await announce(pcm, call.current, patchbay=call.patchbay, talks=call.talks)

    def stop(self) -> None:
        """End the recording that goes on. Raises NotNow where none does."""
        self._running()
        self._end()

    def pause(self) -> None:
        """Keep nothing until `resume`; again does nothing. Raises NotNow where nothing goes on."""
        self._running()
        if not self.paused:
            self._party.stream.settle()
            self.paused = True
            self._call.note("recording-paused")

    def resume(self) -> None:
        """Go on after a pause; again does nothing. Raises NotNow where nothing goes on."""
        self._running()
        if self.paused:
            self._party.stream.settle()
            self.paused = False
            self._call.note("recording-resumed")

    def follow(self) -> None:
        """Another party is in the place of the one that was recorded: go on with that one."""
        self._held = self._call.current.held
        if self._recording is None or self._party is self._call.current:
            return
        if self._party.rate != self._call.current.rate:
            folder = self._recordings.config.folder
            assert folder is not None
            self._end()  # a file has one rate
            self._begin(folder)
            return
        self._untap()
        self._tap(self._call.current)

    def _tap(self, party: Party) -> None:
        self._party = party
        party.on_digit = self._digit
        party.stream.tap(self._heard, self._sent)

    def _untap(self) -> None:
        self._party.stream.settle()
        self._party.stream.untap()
        self._party.on_digit = None

    def hold(self, *, held: bool) -> None:
        """The call is held, or goes on."""
        if self._recording is not None:
            self._party.stream.settle()
        self._held = held

    async def finish(self) -> None:
        """The call is over: end what goes on, and wait a while for the files to be closed."""
        self._over = True
        if self._recording is not None:
            self._end()
        for tape in tuple(self._tapes):
            tape.stop()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_S)

    def _running(self) -> Recording:
        if self._recording is None:
            raise NotNow("the call is not being recorded")
        return self._recording

    # Sound.

    @property
    def _keeps(self) -> Literal["sound", "silence", "nothing"]:
        """What becomes of the sound that passes now."""
        if (self.paused and self.plan.pause == "cut") or (self._held and self.plan.hold == "cut"):
            return "nothing"
        return "silence" if self.paused else "sound"

    def _heard(self, pcm: bytes) -> None:
        self._filled += len(pcm)
        match self._keeps:
            case "sound":
                self._batch.heard.append(pcm)
            case "silence":
                self._batch.heard.append(bytes(len(pcm)))
        if self._filled >= self._batch_bytes:
            self._hand_over()

    def _sent(self, silence: int, pcm: bytes) -> None:
        match self._keeps:
            case "sound":
                self._batch.sent.append((silence, pcm))
            case "silence":
                self._batch.sent.append((silence + len(pcm) // 2, b""))

    def _digit(self) -> None:
        if self._mute_digits:
            self._batch.moments.append(sum(map(len, self._batch.heard)))

    def _hand_over(self) -> None:
        """Give the batch to the thread; a disk that cannot keep up ends the recording."""
        recording = self._running()
        self._party.stream.settle()
        batch, self._batch, self._filled = self._batch, Batch(), 0
        if self._waiting >= BATCHES_WAITING:
            recording.result = Result.OVERFLOW
            self._recordings.complain("the disk is too slow")
            self._end()
            return
        self._waiting += 1
        written = self._recordings.run(partial(recording.add, batch))
        written.add_done_callback(partial(self._written, recording))

    def _written(self, recording: Recording, written: "asyncio.Future[None]") -> None:
        self._waiting -= 1
        self._refused(recording, written.exception())

    def _refused(self, recording: Recording, error: BaseException | None) -> None:
        """What became of work on the thread: an error costs the recording, never the call."""
        if error is None:
            return
        recording.fail(error if isinstance(error, OSError) else OSError(str(error)))
        self._recordings.complain(error)
        if recording is self._recording:
            self._end()

    # The end of it.

    def _end(self) -> None:
        recording, self._recording = self._running(), None
        self._untap()
        self._recordings.alive -= 1
        batch, self._batch, self._filled = self._batch, Batch(), 0
        if recording.result is Result.WHOLE:
            last = self._recordings.run(partial(recording.add, batch))
            last.add_done_callback(partial(self._written, recording))
            self._waiting += 1
        self._close(recording)

    def _close(self, recording: Recording) -> None:
        closing = self._recordings.run(recording.close)
        self._closing.add(closing)
        closing.add_done_callback(self._closed)

    def _closed(self, closing: "asyncio.Future[Kept]") -> None:
        self._closing.discard(closing)
        kept = closing.result()
        self.kept.append(kept)
        self._recordings.ended(kept)
        self._call.note(
            "recording-ready" if kept.path is not None else "recording-failed",
            path=str(kept.path) if kept.path is not None else None,
            duration_s=round(kept.duration_s, 2),
            bytes=kept.bytes,
            result=kept.result,
        )
