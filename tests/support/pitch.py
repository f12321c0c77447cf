"""Who is heard: one sine per party, told apart by its pitch."""

import numpy as np

from tests.support.tones import strength

__all__ = ["heard", "tone"]

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
