"""From recordings to figures: both parties on one clock, the barge-in, the added delay."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deploy.demo.processes import DemoFailed
from deploy.demo.recording import FRAME, FRAME_S, Recording
from deploy.demo.script import SAMPLE_RATE

__all__ = ["Delay", "Talk", "loop_delay", "talkspurts"]

QUIET_PEAK = 200
"""Frames below this peak hold no speech; G.711 silence decodes to 8 at most."""
PAUSE_S = 0.5
"""A shorter silence is a pause within a talkspurt."""
WINDOW = 20 * FRAME
"""Samples correlated at a time."""
FARTHEST_S = 1.0
"""The longest delay that is looked for."""
SURE = 0.8
"""Correlation from which on two pieces are the same sound."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Both sides of a call as the phone sent and heard them, from one origin in time."""

    caller: Samples
    agent: Samples
    caller_start_s: float
    """When the caller's audio begins in it."""
    heard_at: list[float]
    """When each frame of the agent's side came, `time.monotonic()`."""
    heard_s: NDArray[np.float64]
    """Where in the audio that frame ends."""

    @classmethod
    def of(cls, sent: Recording, heard: Recording) -> "Talk":
        """Lay the two recordings of one phone side by side.

        Raises DemoFailed when one of them is empty.
        """
        if not sent.times or not heard.times:
            raise DemoFailed("the phone sent or heard nothing")
        origin = min(sent.start, heard.start)
        caller, _ = _placed(sent, origin)
        agent, ends_s = _placed(heard, origin)
        length = max(len(caller), len(agent))
        return cls(
            caller=np.pad(caller, (0, length - len(caller))),
            agent=np.pad(agent, (0, length - len(agent))),
            caller_start_s=sent.start - origin,
            heard_at=list(heard.times),
            heard_s=ends_s,
        )

    def mark(self, moment: float) -> float:
        """Where in the audio `moment` lies: after all that the caller had heard by then, in s."""
        frames = int(np.searchsorted(self.heard_at, moment, side="right"))
        return float(self.heard_s[frames - 1]) if frames else 0.0

    def speech_after(self, mark_s: float) -> int:
        """Frames of agent speech that follow a mark before the first silent one."""
        start = round(mark_s * SAMPLE_RATE)
        loud = _loud(self.agent[start:])
        return int(np.argmin(loud)) if len(loud) and not loud.all() else len(loud)

    def save(self, path: Path) -> None:
        """Write a stereo WAV: the caller on the left, the agent on the right."""
        with wave.open(str(path), "wb") as file:
            file.setparams((2, 2, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes(np.stack([self.caller, self.agent], axis=1).astype("<i2").tobytes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long sound took there and back, in ms, over so many frames."""

    median_ms: float
    p95_ms: float
    frames: int


def loop_delay(sent: Recording, heard: Recording) -> Delay | None:
    """How long after it sent a frame the phone heard it again from an agent that echoes.

    Each piece of what was heard is found in what was sent by cross-correlation; then the times at
    which those two packets passed the phone are compared. None where too little was found.
    """
    there = sent.samples.astype(np.float64)
    back = heard.samples.astype(np.float64)
    delays: list[float] = []
    for start in range(0, len(back) - WINDOW, WINDOW):
        shift = _shift(there, back, start)
        if shift is None:
            continue
        for frame in range(start // FRAME, (start + WINDOW) // FRAME):
            # A packet is complete with its last sample.
            source = (frame * FRAME + FRAME - 1 - shift) // FRAME
            if 0 <= source < len(sent.times):
                delays.append(1000 * (heard.times[frame] - sent.times[source]))
    if not delays:
        return None
    median, p95 = np.percentile(delays, [50, 95])
    return Delay(median_ms=float(median), p95_ms=float(p95), frames=len(delays))


def talkspurts(samples: Samples) -> list[tuple[float, float]]:
    """Begin and end, in seconds, of each run of speech."""
    frames = np.flatnonzero(_loud(samples))
    if not len(frames):
        return []
    breaks = np.flatnonzero(np.diff(frames) * FRAME_S > PAUSE_S)
    starts = [frames[0], *frames[breaks + 1]]
    ends = [*frames[breaks], frames[-1]]
    return [
        (float(first * FRAME_S), float((last + 1) * FRAME_S))
        for first, last in zip(starts, ends, strict=True)
    ]


def _placed(recording: Recording, origin: float) -> tuple[Samples, NDArray[np.float64]]:
    """A recording's audio from `origin` on, silent where nothing passed, and each frame's end."""
    frames = recording.samples.reshape(-1, FRAME)
    slots = recording.slots[: len(frames)]
    lead = round((recording.start - origin) * SAMPLE_RATE)
    laid = np.zeros((slots[-1] + 1, FRAME), np.int16)
    laid[slots] = frames
    ends_s = np.asarray(lead / SAMPLE_RATE + FRAME_S * (slots + 1), np.float64)
    return np.pad(laid.reshape(-1), (lead, 0)), ends_s


def _loud(samples: Samples) -> NDArray[np.bool_]:
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    loud: NDArray[np.bool_] = np.abs(whole.astype(np.int32)).max(axis=1) > QUIET_PEAK
    return loud


def _shift(there: NDArray[np.float64], back: NDArray[np.float64], start: int) -> int | None:
    """By how many samples the window of `back` at `start` lags behind its like in `there`."""
    window = back[start : start + WINDOW]
    first = max(0, start - round(FARTHEST_S * SAMPLE_RATE))
    field = there[first : start + round(FARTHEST_S * SAMPLE_RATE)]
    if len(field) < WINDOW or np.abs(window).max() <= QUIET_PEAK:
        return None
    products = np.correlate(field, window, mode="valid")
    sums = np.concatenate([[0.0], np.cumsum(field**2)])
    energy = sums[WINDOW:] - sums[:-WINDOW]
    likeness = products / np.sqrt(np.maximum(energy, 1.0) * (window**2).sum())
    best = int(np.argmax(likeness))
    return start - (first + best) if likeness[best] >= SURE else None
