"""Two calls of ours made one: somebody who is in both has the others talk to each other.

    first call:   A ── P         P refers its one leg onto its other leg,
    second call:       P ── B    which is REFER with Replaces:   A ── B, and P leaves

A or B comes over into the other's call, whose agent, recording and journal go on; the call that it
leaves ends as transferred. Where neither is a person nothing is joined: two agents would be left to
talk to each other.
"""

import contextlib
from typing import TYPE_CHECKING, Final

from bridge import bridging
from bridge.errors import NotNow
from bridge.parties.party import Party
from bridge.state import CallState
from bridge.transfer.referring import TRANSFERRED

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["JOINED", "join", "leave"]

JOINED: Final = 200
GONE, DECLINED, PENDING = 481, 603, 491


def join(call: "Call", party: Party, leg_id: str) -> tuple[int, str]:
    """Join `call` with the one that the leg is in; the SIP status of that, and why.

    481: that call is over. 491: one of them is being transferred. 603: the leg is another trunk's,
    or of the same call, or no person would be left in one of the two.
    """
    other, theirs = _find(call, leg_id)
    if other is None or theirs is None:
        return _refused(call, GONE, "Call Does Not Exist")
    if theirs.trunk != party.trunk or other is call:
        return _refused(call, DECLINED, "Decline")
    if call.transfers.under_way or other.transfers.under_way:
        return _refused(call, PENDING, "Request Pending")
    for left, leaving, kept, place in ((call, party, other, theirs), (other, theirs, call, party)):
        if len(people := _with(left, leaving)) == 1:
            _move(people[0], left, kept, place)
            if left is other:
                other.end(TRANSFERRED)
            else:
                _leaves(other, place)
            return JOINED, "OK"
    return _refused(call, DECLINED, "Decline")


def leave(call: "Call", party: Party) -> None:
    """What is left to do once a party has been told: it leaves the call in which it asked."""
    if call.last_word is TRANSFERRED:
        call.end(TRANSFERRED)
    elif not party.ended.done():
        _leaves(call, party)


def _leaves(call: "Call", party: Party) -> None:
    """Let a party go; a call that is just ending does so by itself."""
    with contextlib.suppress(NotNow):
        call.spawn(call.parties.give_up(party), name=f"{party.name} leaves")


def _refused(call: "Call", code: int, reason: str) -> tuple[int, str]:
    call.note("transfer-failed", mode="joined", code=code, reason=reason)
    return code, reason


def _find(call: "Call", leg_id: str) -> "tuple[Call | None, Party | None]":
    for other in call.neighbours():
        party = other.parties.of(leg_id)
        if party is not None and other.state is CallState.ANSWERED:
            return other, party
    return None, None


def _with(call: "Call", party: Party) -> list[Party]:
    """Who else is on the telephone in a call, and talks with a party."""
    bay = call.patchbay
    return [
        other
        for other in call.parties
        if other is not party and other.alive and other.answered.is_set()
        if bay.hears(other, party) or bay.hears(party, other)
    ]


def _move(person: Party, left: "Call", kept: "Call", place: Party) -> None:
    """Have a person come from one call into another, in the place of somebody there."""
    left.last_word = TRANSFERRED
    if left.recorder.recording and left.current is person:
        left.recorder.stop()
    left.parties.part_with(person)
    with contextlib.suppress(NotNow):  # a call that is just ending takes them along
        kept.parties.welcome(person)
    bridging.replace(kept, place, person)
    for call in (left, kept):
        call.note("transferred", to=person.name, mode="joined", code=JOINED, reason="")
