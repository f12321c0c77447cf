"""What a caller is told before a recording starts."""

from collections.abc import Iterable

from bridge.agents.talk import Talk
from bridge.media.patchbay import Patchbay, Take
from bridge.parties.party import Party

__all__ = ["announce"]

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
