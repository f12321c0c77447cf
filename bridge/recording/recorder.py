"""A call's recorder: starts and ends its recordings, and says how much of the sound they keep.

Nothing of it is on the path of a call that is not recorded.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from bridge.agents.talks import Talks
from bridge.configuration.recordings import RecordingConfig
from bridge.errors import NotNow
from bridge.facts import Facts
from bridge.media.patchbay import Patchbay
from bridge.media.wav import BadSound
from bridge.parties.party import Party
from bridge.recording import names
from bridge.recording.announcement import announce
from bridge.recording.files import MONO, STEREO
from bridge.recording.gatherer import Gatherer, Share
from bridge.recording.recording import Kept, Recording, Result
from bridge.recording.recordings import Recordings
from bridge.recording.shelf import Shelf
from bridge.recording.tape import Tape

__all__ = ["RecordAction", "Recorder"]

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
        self.paused = False
        self._call = call
        self._recordings = recordings
        self._mute_digits = mute
        self._tapes: list[Tape] = []
        self._gatherer: Gatherer | None = None
        self._starting = False
        self._over = False
        self._held = False
        self._shelf = Shelf(call, recordings)

    @property
    def kept(self) -> Sequence[Kept]:
        """Recordings of this call that are over."""
        return self._shelf.kept

    @property
    def recording(self) -> bool:
        """Whether the call is being recorded, paused or not."""
        return self._gatherer is not None

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
        if self._gatherer is not None or self._starting:
            raise NotNow("the call is being recorded")
        self._starting = True
        try:
            await self._announce()
        finally:
            self._starting = False
        if self._over:
            raise NotNow("the call is over")
        self.paused = False
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
            self._made(folder, rate, channels=MONO),
            rate=rate,
            recordings=self._recordings,
            on_stop=self._tape_stopped,
        )
        self._tapes.append(tape)
        return tape

    def _tape_stopped(self, tape: Tape, recording: Recording) -> None:
        self._tapes.remove(tape)
        self._call.patchbay.remove(tape)
        self._shelf.put(self._recordings.run(recording.close))

    def _made(self, folder: Path, rate: int, *, channels: int = STEREO) -> Recording:
        name, kind = self._recordings.config.name, self.plan.format
        paths = names.paths(folder, name, self._call.facts, kind)
        return Recording(paths, kind, rate, mute=self._mute_digits, channels=channels)

    def _begin(self, folder: Path) -> None:
        party = self._call.current
        self._gatherer = Gatherer(
            self._made(folder, party.rate),
            party,
            recordings=self._recordings,
            share=self._share,
            mute=self._mute_digits,
            on_failure=self._end,
        )
        self._recordings.alive += 1
        self._gatherer.open().add_done_callback(self._opened)

    def _opened(self, opened: "asyncio.Future[Path]") -> None:
        if opened.exception() is None:
            self._call.note("recording", path=str(opened.result()))

    async def _announce(self) -> None:
        call, path = self._call, self.plan.announcement
        if path is None:
            return
        try:
            await announce(path, call.current, patchbay=call.patchbay, talks=call.talks)
        except BadSound as error:
            # Better no recording than one that nobody was told of.
            self._recordings.results[Result.FAILED] += 1
            self._recordings.complain(str(error))
            raise NotNow("the announcement cannot be played") from error

    def stop(self) -> None:
        """End the recording that goes on. Raises NotNow where none does."""
        self._running()
        self._end()

    def pause(self) -> None:
        """Keep nothing until `resume`; again does nothing. Raises NotNow where nothing goes on."""
        gatherer = self._running()
        if not self.paused:
            self.paused = True
            gatherer.keep(self._share)
            self._call.note("recording-paused")

    def resume(self) -> None:
        """Go on after a pause; again does nothing. Raises NotNow where nothing goes on."""
        gatherer = self._running()
        if self.paused:
            self.paused = False
            gatherer.keep(self._share)
            self._call.note("recording-resumed")

    def follow(self) -> None:
        """Another party is in the place of the one that was recorded: go on with that one."""
        party = self._call.current
        self.hold(held=party.held)
        if self._gatherer is None or self._gatherer.party is party:
            return
        if self._gatherer.party.rate == party.rate:
            self._gatherer.follow(party)
            return
        folder = self._recordings.config.folder
        assert folder is not None
        self._end()  # a file has one rate
        self._begin(folder)

    def hold(self, *, held: bool) -> None:
        """The call is held, or goes on."""
        self._held = held
        if self._gatherer is not None:
            self._gatherer.keep(self._share)

    async def finish(self) -> None:
        """The call is over: end what goes on, and wait a while for the files to be closed."""
        self._over = True
        if self._gatherer is not None:
            self._end()
        for tape in tuple(self._tapes):
            tape.stop()
        await self._shelf.settled(CLOSE_S)

    def _running(self) -> Gatherer:
        if self._gatherer is None:
            raise NotNow("the call is not being recorded")
        return self._gatherer

    @property
    def _share(self) -> Share:
        """What becomes of the sound that passes now."""
        if (self.paused and self.plan.pause == "cut") or (self._held and self.plan.hold == "cut"):
            return "nothing"
        return "silence" if self.paused else "sound"

    def _end(self) -> None:
        gatherer, self._gatherer = self._running(), None
        self._recordings.alive -= 1
        self._shelf.put(gatherer.close())
