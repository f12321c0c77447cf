"""What a caller is told before a recording starts."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from bridge.agents.talk import Talk
from bridge.media import wav
from bridge.media.patchbay import Patchbay, Take
from bridge.media.wav import BadSound
from bridge.parties.party import Party

__all__ = ["announce"]

LOAD_S = 2.0
"""How long the file may take to read."""
SAID_S = 30.0
"""The longest that anything to be said is waited for."""


class _Announcer:
    """Says something once to whomever it is connected to."""

    live = False

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.take: Take | None = None

    def feed(self, take: Take | None) -> None:
        self.take = take


async def announce(file: Path, party: Party, *, patchbay: Patchbay, talks: Iterable[Talk]) -> None:
    """Play a WAV file to a party, to its end; no barge-in cuts it. Agents hold their speech back.

    What is being said when this begins is heard first. Raises BadSound where it cannot be played.
    """
    pcm = await _load(file, party.rate)
    begun = [talk for talk in talks if talk.speech.begun]
    if begun:
        await party.stream.drain(SAID_S)
    for talk in begun:
        talk.speech.wait()
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


async def _load(file: Path, rate: int) -> bytes:
    try:
        async with asyncio.timeout(LOAD_S):
            return await wav.load(file, rate)
    except TimeoutError as error:
        raise BadSound(f"{file} could not be read in {LOAD_S:g} s") from error
