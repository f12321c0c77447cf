"""Turn latency: from the end of the caller's speech to the first frame of the agent's answer.

It is measured here, on the bridge's own two wires, and so needs nothing from Ultravox. The caller's
speech is told from the line's noise by its level against a floor that follows the quietest
recent frames.
"""

import audioop
from typing import Final

__all__ = ["Turns"]

SPEECH_RMS: Final = 400
"""Frames below this level (of 32767) are never speech."""
SPEECH_OVER_FLOOR: Final = 3.0
"""Speech is at least this many times louder than the floor."""
SPEECH_FRAMES: Final = 3
"""Frames in a row that make speech of a noise (60 ms at a ptime of 20 ms)."""
FLOOR_RISE: Final = 0.002
"""Share of the way that the floor climbs towards a louder frame."""
TURNS: Final = 10_000
"""Latencies that are kept: of the last turns."""
UTTERANCE_PAUSE_S: Final = 2.0
"""A longer silence parts what is said before it from what is said after it."""
LONGEST_TURN_S: Final = 15.0
"""A longer silence between the two is not an answer to what the caller said."""


class Turns:
    """Hears the uplink, is told of the agent's talkspurts, and gives the latency of each turn."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        """Seconds, one for each turn in which the agent answered the caller."""
        self._floor = 100.0
        self._loud_frames = 0
        self._speech_ended: float | None = None
        self._turn_ended: float | None = None
        self._loud_since = 0.0
        self._began: float | None = None
        self._until = 0.0

    def utterance(self, *, over: bool) -> tuple[float, float] | None:
        """When the caller's latest utterance began and was last heard, by the level of the line.

        None where nothing was heard since the one before. It has no pause of
        `UTTERANCE_PAUSE_S` in it; where it is `over`, what is heard next begins another.
        """
        if self._began is None:
            return None
        found = (self._began, self._until)
        if over:
            self._began = None
        return found

    def hear(self, pcm: bytes, now: float) -> None:
        """Take a frame of the caller's audio (s16le) that arrived at `now`."""
        level = audioop.rms(pcm, 2)
        if level < self._floor:
            self._floor = float(level)
        else:
            self._floor += (level - self._floor) * FLOOR_RISE
        if level < SPEECH_RMS or level < self._floor * SPEECH_OVER_FLOOR:
            self._loud_frames = 0
            return
        if self._loud_frames == 0:
            self._loud_since = now
        self._loud_frames += 1
        if self._loud_frames >= SPEECH_FRAMES:
            self._speech_ended = now
            if self._began is None or self._loud_since - self._until > UTTERANCE_PAUSE_S:
                self._began = self._loud_since
            self._until = now

    def agent_speaks(self, now: float) -> float | None:
        """Note the agent's first frame on the wire at `now`.

        Returns the latency of this turn in seconds, or None where the caller had said nothing.
        """
        ended, self._speech_ended = self._speech_ended, None
        self._turn_ended = self._turn_ended if ended is None else ended
        if ended is None or not 0 <= now - ended <= LONGEST_TURN_S:
            return None
        self.latencies.append(now - ended)
        del self.latencies[:-TURNS]
        return now - ended
