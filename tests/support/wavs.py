"""WAV files with a pitch in them."""

import wave
from pathlib import Path

from tests.support.tones import tone

__all__ = ["write_wav"]


def write_wav(path: Path, hertz: float, *, seconds: float, rate: int = 8000) -> Path:
    """Write a file of one channel and 16 bits; returns its path."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone(hertz, seconds, sample_rate=rate))
    return path
