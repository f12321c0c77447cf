"""How parties come to the telephone: dialled, or by one more call that came in.

order ───> place ──┐                  the first party, while its agent is created
dial ──> Desk ─────┴──> Hunt ──> answered, or picked up elsewhere ──> guarded
INVITE ──> adopt ──> 200, ACK ─────────────────────────────────────> guarded
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge import ending
from bridge.agents.talk import Talk
from bridge.errors import Hangup, NotAnswered
from bridge.outbound.order import Order
from bridge.outcome import Outcome
from bridge.parties.party import Party
from sip import Leg

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["adopt", "dial", "place"]

ANSWER_S = 32.0
"""How long the ACK of our answer may take: RFC 3261's timer H."""


async def place(call: "Call", meanwhile: Talk | None) -> None:
    """Dial the first party, and wait for its answer.

    The agent `meanwhile` is created while it rings, and its failure stops the ringing. Raises
    Hangup where it does not answer, AgentError, SipError.
    """
    dialled = call.first
    assert call.hunt is not None
    creation = None
    if meanwhile is not None:
        creation = asyncio.ensure_future(_create(call, meanwhile))
    try:
        await call.hunt.reach(call, dialled, creation)
    except Hangup as failed:
        call.attendance.over(dialled, failed.outcome)
        raise
    finally:
        if creation is not None:
            creation.cancel()
            await asyncio.gather(creation, return_exceptions=True)  # whoever joins it is told again
    if dialled.successor.done():
        await _relieve(call, dialled)
    call.attendance.guard(call.first)
    await call.recorder.start_as_planned()


async def dial(
    call: "Call",
    to: str,
    *,
    name: str,
    trunks: Sequence[str] = (),
    timeout_s: float | None = None,
    caller_id: str = "",
    headers: Mapping[str, str] | None = None,
) -> Party:
    """Dial one more party, and wait for its answer; the call goes on where there is none.

    Returns whoever came to the telephone: somebody else may pick up what rings (`successor`).
    Through `trunks`, the next where one fails; through those of `outbound` where none are
    named, or else the call's own. Raises NotAnswered, OrderError, Full, NoPorts.
    """
    order = Order(
        to=to,
        agent="",
        trunks=tuple(trunks),
        caller_id=caller_id,
        headers=headers or {},
        ring_timeout_s=timeout_s,
    )
    errand = call.parties.desk.second(order, otherwise=call.facts.trunk)
    party = call.parties.add(name, errand.port, trunk=errand.trunk, to=to)
    party.timings["dialled"] = call.age
    failed: Outcome | None = None
    try:
        await party.stream.open()
        await errand.hunt.reach(call, party)
    except Hangup as error:
        failed = error.outcome
        raise NotAnswered(failed, headers=party.last_headers) from error
    finally:
        if not party.answered.is_set() and not party.successor.done():
            await call.parties.give_up(party, failed)
    if party.successor.done():
        await _relieve(call, party)
        party = party.successor.result()
    call.attendance.guard(party)
    return party


async def adopt(call: "Call", leg: Leg) -> Party:
    """Answer one more call that came in, as part of this one.

    Raises NotAnswered where its caller gave up before, SipError.
    """
    assert leg.invite is not None
    party = call.parties.add("replacement", leg.invite.media.port, trunk=leg.trunk, leg=leg)
    failed: Outcome | None = None
    try:
        await party.stream.open()
        call.attendance.attend(party)
        await leg.answer()
        await call.attendance.answer_of(party, ANSWER_S)
    except NotAnswered as error:
        failed = error.outcome
        raise
    finally:
        if not party.answered.is_set():
            await call.parties.give_up(party, failed)
    call.attendance.guard(party)
    return party


async def _create(call: "Call", talk: Talk) -> None:
    await talk.created()
    call.chronicle.reach("agent-created")


async def _relieve(call: "Call", party: Party) -> None:
    """Let a phone ring no more that was picked up, or hang up if its answer came after all."""
    await call.parties.give_up(party, ending.PICKED_UP, headers=ending.ELSEWHERE)
