"""What a phone sent and heard, with the time of every packet.

baresip's sndfile filter writes each 20 ms frame into a WAV at the moment it is sent or received.
Watching the two files grow therefore gives, on one clock, when each packet passed the phone.
"""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from deploy.demo.script import SAMPLE_RATE

__all__ = ["FRAME", "FRAME_S", "Recording", "Watch"]

FRAME_S = 0.02
FRAME = round(FRAME_S * SAMPLE_RATE)
"""Samples."""
HEADER = 44
"""Bytes of a WAV before its samples."""
SKIP = 2
"""Frames of lasting delay from which on time counts as left out; less is the sender's pacing."""
LOOK_S = 0.002
"""How often the files are looked at; no time is known more exactly."""


class Recording:
    """One direction of one call: a growing WAV, s16le mono at 8000 Hz."""

    def __init__(self, folder: Path, direction: str) -> None:
        self._folder = folder
        self._direction = direction
        self._path: Path | None = None
        self.times: list[float] = []
        """When each frame was written, `time.monotonic()`."""

    def look(self) -> None:
        """Note the frames that were added since the last look."""
        if self._path is None:
            self._path = next(self._folder.glob(f"dump-*-{self._direction}.wav"), None)
        if self._path is None:
            return
        frames = (self._path.stat().st_size - HEADER) // (2 * FRAME)
        now = time.monotonic()
        self.times += [now] * (frames - len(self.times))

    @property
    def samples(self) -> NDArray[np.int16]:
        """The audio of all frames seen, one right behind the other."""
        if self._path is None:
            return np.zeros(0, np.int16)
        data = np.frombuffer(self._path.read_bytes()[HEADER:], "<i2")
        return data[: len(self.times) * FRAME].astype(np.int16)

    @property
    def start(self) -> float:
        """When its first sample would have passed, had all frames come evenly."""
        lags = np.array(self.times) - FRAME_S * self.slots
        return float(np.median(lags))

    @property
    def slots(self) -> NDArray[np.int64]:
        """The place in time of each frame, counted in frames.

        A frame that came late and was caught up with keeps its place. Where time was left out for
        good, as by a sender that skips what it could not send in time, so are places.
        """
        if not self.times:
            return np.zeros(0, np.int64)
        number = np.arange(len(self.times))
        lags = (np.array(self.times) - FRAME_S * number) / FRAME_S
        lasting = np.minimum.accumulate(lags[::-1])[::-1]
        skipped = np.zeros(len(number), np.int64)
        for step in np.flatnonzero(np.diff(lasting) > 0) + 1:
            excess = lasting[step] - lasting[0] - skipped[step]
            if excess >= SKIP:
                skipped[step:] += round(excess)
        return np.asarray(number + skipped, np.int64)


class Watch:
    """Looks at recordings until it is left; a context manager."""

    def __init__(self) -> None:
        self._recordings: list[Recording] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def add(self, recording: Recording) -> Recording:
        """Look at this one too."""
        self._recordings = [*self._recordings, recording]
        return recording

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            for recording in self._recordings:
                recording.look()
