"""Who of a call hears whom: any two of its parties, agents, players and tapes."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from bridge.agents.talk import Talk
from bridge.errors import Hangup
from bridge.media.patchbay import Sink, Source
from bridge.media.playback import Playback
from bridge.parties.party import Party
from bridge.recording.tape import Tape

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["End", "connect", "disconnect", "replace"]

End = Party | Talk | Playback | Tape
"""What can be connected: whoever is heard, hears, or both."""


def connect(call: "Call", a: End, b: End) -> None:
    """Let two hear each other. Where both are parties the call is nothing without either.

    A player is only heard, and begins with this; a tape only hears. Raises Hangup where one of
    two parties has hung up already.
    """
    for source, sink in _ways(a, b):
        call.patchbay.connect(source, sink)
        if isinstance(source, Playback):
            source.begin(partial(call.spawn, name="playback"))
    if isinstance(a, Party) and isinstance(b, Party):
        a.essential = b.essential = True
        for party in (a, b):
            if party.outcome is not None:
                raise Hangup(party.outcome)


def disconnect(call: "Call", a: End, b: End) -> None:
    """Let two hear each other no more."""
    for source, sink in _ways(a, b):
        call.patchbay.disconnect(source, sink)
    if isinstance(a, Party) and isinstance(b, Party):
        for party in (a, b):
            party.essential = party is call.current


def replace(call: "Call", old: Party, new: Party) -> None:
    """Let `new` hear and be heard by all that `old` was connected with, in its place."""
    new.essential, old.essential = old.essential, False
    call.patchbay.hand_over(old, new)
    if call.current is old:
        call.current = new
        call.recorder.follow()


def _ways(a: End, b: End) -> Iterator[tuple[Source, Sink]]:
    """Who of two can hear whom."""
    for source, sink in ((a, b), (b, a)):
        if not isinstance(source, Tape) and not isinstance(sink, Playback):
            yield source, sink
