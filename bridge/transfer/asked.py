"""Transfers that the other side asks for, where its trunk may: by REFER, by INVITE with Replaces.

REFER ──> 202, we dial there ──> answered: NOTIFY 200, in the old party's place
                            └──> not answered: NOTIFY its status, all stays as it was
REFER onto another call of ours ──> the two are joined (`joining`): NOTIFY 200, or why not
INVITE with Replaces ──> answered, in the old party's place ──> BYE to the old one
                    └──> of a phone that rings for us: as if that one had answered ──> CANCEL
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from bridge import bridging
from bridge.errors import Full, NoPorts, NotAnswered, OrderError
from bridge.parties import arrivals
from bridge.parties.party import Party
from bridge.transfer import joining
from bridge.transfer.joining import JOINED
from sip import Leg, ReferRequested, SipError

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["follow", "take_over"]

log = logging.getLogger("bridge.transfer")

LEAVE_S = 2.0
"""How long a party that has been transferred may take to hang up by itself."""


async def follow(call: "Call", party: Party, asked: ReferRequested) -> None:
    """Call whom a party wants called, and put them in its place."""
    call.note("transfer-asked", to=asked.target)
    if isinstance(asked.replaces, str):
        await _join(call, party, asked.replaces)
        return
    assert party.leg is not None
    try:
        other = await arrivals.dial(
            call,
            asked.target,
            name="transfer",
            trunks=(party.leg.trunk,),
            headers=asked.invite_headers,
        )
    except (NotAnswered, OrderError, Full, NoPorts) as error:
        call.note("transfer-failed", to=asked.target, mode="asked", reason=str(error.outcome))
        await _notify(party, error.outcome.sip_code or 480, "")
        return
    bridging.replace(call, party, other)
    call.note("transferred", to=asked.target, mode="asked", code=200, reason="")
    await _notify(party, 200, "OK")
    await asyncio.wait([party.ended], timeout=LEAVE_S)
    await call.parties.give_up(party)


async def take_over(call: "Call", party: Party, leg: Leg) -> None:
    """Answer an INVITE that is to take the place of a party, which is claimed (RFC 3891)."""
    call.note("transfer-asked", to=leg.invite.from_user if leg.invite is not None else "")
    try:
        other = await arrivals.adopt(call, leg)
    except (NotAnswered, SipError) as error:
        party.claimed = False
        call.note("transfer-failed", mode="replaced", reason=str(error))
        return
    if party.outcome is not None or other.outcome is not None:
        party.claimed = False
        call.note("transfer-failed", mode="replaced", reason="nobody is there any more")
        await call.parties.give_up(other)
        return
    bridging.replace(call, party, other)
    if rings := not party.answered.is_set():
        call.parties.pick_up(party, other)
    call.note("transferred", mode="replaced", code=200, reason="")
    if not rings:
        await call.parties.give_up(party)


async def _join(call: "Call", party: Party, leg_id: str) -> None:
    """Join the call with another one of the same party, whom both can do without then."""
    code, reason = joining.join(call, party, leg_id)
    await _notify(party, code, reason)
    if code == JOINED:
        await asyncio.wait([party.ended], timeout=LEAVE_S)
        joining.leave(call, party)


async def _notify(party: Party, code: int, reason: str) -> None:
    assert party.leg is not None
    try:
        await party.leg.notify_refer(code, reason)
    except SipError as error:
        log.info("= leg of %s is not told of its transfer: %s", party.name, error)
