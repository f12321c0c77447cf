"""Picking up a telephone that rings for a call of ours from another one (RFC 3891).

ringing   the phone that we make ring: for an order, or for a transfer
picked    the call of whoever picks it up: an INVITE with Replaces
"""

from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge
from tests.support.waiting import until

__all__ = ["ELSEWHERE", "cross", "named", "pick_up", "rings", "stop", "talk"]

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def rings(other: Phone) -> SipCall:
    """The phone that we call; it rings."""
    ringing = await other.called()
    assert ringing.invite is not None
    ringing.reply(ringing.invite, "180 Ringing")
    return ringing


def named(call: SipCall) -> str:
    """The header that names a call which the phone is in, to have it replaced."""
    tags = [address.partition(";tag=")[2] for address in (call.remote, call.local)]
    return f"Replaces: {call.id};to-tag={tags[0]};from-tag={tags[1]}"


async def pick_up(
    phone: Phone, bridge: Bridge, ringing: SipCall, line: Line, *, formats: str = "0 101"
) -> SipCall:
    """Send the INVITE that picks up a phone, once the bridge knows that this one rings."""
    await until(lambda: any(leg.rang for leg in bridge.service._user_agent.legs.values()))
    offer = describe(line, formats=formats)
    return await phone.invite(bridge.address, offer, f"{named(ringing)};early-only")


async def stop(ringing: SipCall) -> None:
    """It rings no more, and says so."""
    cancel = await ringing.expect("CANCEL")
    assert cancel["Reason"] == ELSEWHERE
    ringing.reply(cancel, "200 OK")
    assert ringing.invite is not None
    ringing.reply(ringing.invite, "487 Request Terminated")
    await ringing.expect("ACK")


async def cross(ringing: SipCall) -> None:
    """Its answer meets our CANCEL on the way: it is acknowledged and hung up."""
    cancel = await ringing.expect("CANCEL")
    assert ringing.invite is not None
    ringing.reply(ringing.invite, "200 OK", body=describe(ringing.line))
    ringing.reply(cancel, "481 Call/Transaction Does Not Exist")
    await ringing.expect("ACK")
    await ringing.ended()


async def talk(picked: SipCall, line: Line) -> None:
    """Whoever picked up talks to the agent, which echoes."""
    answer = await picked.expect(200)
    picked.ack()
    line.talk(answer.media, pitch=1330)
    await until(lambda: heard(line.heard()[-1600:], 1330) == {1330})
