"""What a caller is told before a recording starts."""

import wave
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from bridge.party import Party
from bridge.patchbay import Patchbay, Take
from bridge.talk import Talk
from rtp.resample import Resampler

__all__ = ["announce", "announcement"]

SAID_S = 30.0
"""The longest that anything to be said is waited for."""


@lru_cache(maxsize=16)
def announcement(path: Path, rate: int) -> bytes:
    """The PCM (s16le mono at `rate` Hz) of a WAV file of 8, 16 or 48 kHz, read once.

    To be called off the loop. Raises OSError, or ValueError where it is no such file.
    """
    try:
        with wave.open(str(path), "rb") as sound:
            width, channels, own = sound.getsampwidth(), sound.getnchannels(), sound.getframerate()
            raw = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"no WAV file of PCM: {error}") from error
    if width != 2:
        raise ValueError(f"has {8 * width} bits a sample; 16 are wanted")
    samples = np.frombuffer(raw, "<i2").reshape(-1, channels)
    pcm: bytes = samples.mean(axis=1).astype("<i2").tobytes()
    if own == rate:
        return pcm
    step = max(1, own // rate)
    return Resampler(own, rate).convert(pcm[: len(pcm) // (2 * step) * 2 * step])


class _Announcer:
    """Says something once to whomever it is connected to."""

    live = False

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.take: Take | None = None

    def feed(self, take: Take | None) -> None:
        self.take = take


async def announce(pcm: bytes, party: Party, *, patchbay: Patchbay, talks: Iterable[Talk]) -> None:
    """Play `pcm` to a party, to its end; no barge-in cuts it. Agents hold their speech back.

    What is being said when this begins is heard first.
    """
    begun = [talk for talk in talks if talk.begun]
    if begun:
        await party.stream.drain(SAID_S)
    for talk in begun:
        talk.wait()
    announcer = _Announcer(party.rate)
    patchbay.play_instead(announcer, party)
    try:
        assert announcer.take is not None
        announcer.take(pcm)
        await party.stream.drain(SAID_S)
    finally:
        patchbay.restore(announcer, party)
        for talk in begun:
            talk.begin()
