"""When the caller speaks, from nothing but the sound's energy. Sans-I/O.

    PCM --> 32 ms frames --> voiced or not, against an adaptive floor --> Turn edges

The frame length and the delays are those that docs.ultravox.ai gives for Ultravox's own; what it
really hears with (a model, noise suppression) is not imitated.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

FRAME_S = 0.032
QUIET_RMS = 150.0
"""Never voiced below this, -47 dBFS: the noise of a quiet line."""
MARGIN = 3.0
"""Voiced from this many times the floor, 9.5 dB."""
FLOOR_FRAMES = 125
"""The floor is the quietest frame of the last 4 s; speech pauses more often than that."""


class Edge(Enum):
    """What a frame may change."""

    STARTED = "started"
    """A voiced frame after silence; may be noise."""
    STOPPED = "stopped"
    """The turn endpoint delay went by in silence."""


@dataclass(slots=True)
class Turn:
    """The caller's current or last run of speech, in seconds."""

    length_s: float = 0.0
    """From its first voiced frame to its last."""
    voiced_s: float = 0.0


class VoiceActivity:
    """Finds the caller's turns in a stream of PCM."""

    def __init__(self, *, sample_rate: int, endpoint_s: float = 0.384) -> None:
        self._frame_bytes = 2 * round(sample_rate * FRAME_S)
        self._endpoint_frames = max(1, round(endpoint_s / FRAME_S))
        self._partial = b""
        self._recent: deque[float] = deque(maxlen=FLOOR_FRAMES)
        self._silent_frames = 0
        self._frames = 0
        self.speaking = False
        self.turn = Turn()

    def hear(self, pcm: bytes) -> Iterator[Edge | None]:
        """One item for each whole frame: the edge it made, if any. `turn` is up to date at each."""
        data = self._partial + pcm
        size = self._frame_bytes
        whole = len(data) - len(data) % size
        self._partial = data[whole:]
        for start in range(0, whole, size):
            yield self._frame(data[start : start + size])

    def _frame(self, frame: bytes) -> Edge | None:
        if not self._voiced(frame):
            return self._silence()
        edge = None
        if not self.speaking:
            self.speaking, edge = True, Edge.STARTED
            self.turn = Turn()
            self._frames = 0
        self._silent_frames = 0
        self._frames += 1
        self.turn.length_s = self._frames * FRAME_S
        self.turn.voiced_s += FRAME_S
        return edge

    def _silence(self) -> Edge | None:
        if not self.speaking:
            return None
        self._frames += 1
        self._silent_frames += 1
        if self._silent_frames < self._endpoint_frames:
            return None
        self.speaking = False
        return Edge.STOPPED

    def _voiced(self, frame: bytes) -> bool:
        samples = np.frombuffer(frame, "<i2").astype(np.float32)
        rms = float(np.sqrt(samples.dot(samples) / len(samples)))
        self._recent.append(rms)
        floor = min(self._recent) if len(self._recent) == FLOOR_FRAMES else 0.0
        return rms > max(QUIET_RMS, MARGIN * floor)
