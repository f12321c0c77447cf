"""Tells somebody who was called of the caller, and waits until they accept."""

import asyncio
from typing import TYPE_CHECKING, Any

from bridge.agents.talk import Talk
from bridge.happenings import AgentState, Event
from bridge.parties import prompts
from bridge.parties.party import Party
from bridge.transfer.order import TransferOrder
from bridge.ultravox.messages import Urgency

if TYPE_CHECKING:
    from bridge.call import Call

__all__ = ["accepted"]

SUMMARY_S = 30.0
"""The longest that a summary may take."""


async def accepted(call: "Call", party: Party, order: TransferOrder, talk: Talk) -> bool:
    """Whether a party, who has answered, takes the caller: by the key, or by staying."""
    pressed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def press(digit: str) -> None:
        if not pressed.done():
            pressed.set_result(digit)

    with party.digits.diverted(press):
        telling = asyncio.ensure_future(_tell(call, party, order, talk))
        waits: list[asyncio.Future[Any]] = [telling, pressed, party.ended]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            prompts.silence(party)
            call.patchbay.disconnect(talk, party)
            party.clear()
    if party.ended.done():
        return False
    if pressed.done():
        return pressed.result() == order.accept_key
    telling.result()
    return not order.accept_key


async def _tell(call: "Call", party: Party, order: TransferOrder, talk: Talk) -> None:
    if order.summary and talk.here:
        await _say(call, party, order.summary, talk)
    if order.announcement is not None:
        await prompts.play(call, party, order.announcement)
    if order.accept_key:
        await asyncio.sleep(order.accept_timeout_s)


async def _say(call: "Call", party: Party, text: str, talk: Talk) -> None:
    """Have the agent say a text to a party, whom it does not hear; returns when it is heard."""
    spoken, states = asyncio.Event(), set[str]()

    def listen(event: Event) -> None:
        if isinstance(event, AgentState) and event.agent is talk:
            if "speaking" in states and event.state != "speaking":
                spoken.set()
            states.add(event.state)

    call.patchbay.connect(talk, party)
    call.listeners.append(listen)
    try:
        talk.say(text, urgency=Urgency.IMMEDIATE, uninterruptible=True)
        async with asyncio.timeout(SUMMARY_S):
            await spoken.wait()
            await party.stream.drain(SUMMARY_S)
    except TimeoutError:
        pass
    finally:
        call.listeners.remove(listen)
        call.patchbay.disconnect(talk, party)
