"""Who is heard: one sine per party, told apart by its pitch."""

import numpy as np

from tests.support.tones import strength

__all__ = ["heard", "heard_in_turn", "tone"]

AMPLITUDE = 8000
AUDIBLE = 0.02
"""Share of full scale above which a pitch counts as heard: a twelfth of a tone of ours."""


def tone(hertz: float, start: int, count: int) -> bytes:
    """`count` samples of a sine (s16le, 8 kHz), from number `start` on, so that frames join."""
    if not hertz:
        return bytes(2 * count)
    phase = 2 * np.pi * hertz * np.arange(start, start + count) / 8000
    return (AMPLITUDE * np.sin(phase)).astype("<i2").tobytes()


def heard(pcm: bytes, *pitches: float) -> set[float]:
    """Those of the `pitches` (Hz) that are to be heard in `pcm` (s16le, 8 kHz)."""
    return {hertz for hertz in pitches if strength(pcm, hertz) > AUDIBLE}


def heard_in_turn(pcm: bytes, *pitches: float) -> list[float]:
    """Which of the pitches are alone in it, in their order; each for 0.2 s at least."""
    width = 2 * 800
    found: list[float] = []
    for start in range(0, len(pcm) - width + 1, width):
        here = heard(pcm[start : start + width], *pitches)
        if len(here) == 1 and [*here] != found[-1:]:
            found += here
    return found
