"""One sine per party, so that a recording tells by itself who is heard in it."""

import numpy as np

CALLER = 440.0
AGENT = 1000.0
"""Hertz; far apart, and neither a harmonic of the other."""

_PARTIES = {"caller": CALLER, "agent": AGENT}


def tone(frequency: float, seconds: float, *, sample_rate: int = 8000, level: float = 0.5) -> bytes:
    """A sine as s16le mono PCM; `level` 1.0 is full scale."""
    at = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = np.sin(2 * np.pi * frequency * at) * level * 32767
    return wave.astype("<i2").tobytes()


def strength(pcm: bytes, frequency: float, *, sample_rate: int = 8000) -> float:
    """Amplitude of one frequency in PCM, as a share of full scale."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64) / 32767
    if not len(samples):
        return 0.0
    at = np.arange(len(samples)) / sample_rate
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * frequency * at))))


def heard(pcm: bytes, *, sample_rate: int = 8000, least: float = 0.05) -> set[str]:
    """Whose tone is in the PCM: "caller", "agent", both or none."""
    return {
        party
        for party, frequency in _PARTIES.items()
        if strength(pcm, frequency, sample_rate=sample_rate) >= least
    }
