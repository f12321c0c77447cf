"""An agent who puts the caller through to a person, and takes them back where nobody comes."""

from pathlib import Path

from bridge.scenario import Agent, Call, events

MUSIC = Path(__file__).with_name("music.wav")
PEOPLE = ("anna", "ben")
"""Whom to try, in turn: numbers or SIP addresses."""


async def helpdesk(call: Call) -> None:
    """Talk with the caller; `0` asks for a person."""
    await call.ring()
    agent = await call.create_agent()

    @call.on(events.Digits)
    async def pressed(event: events.Digits) -> None:
        if event.leg is call.leg and "0" in event.digits and not call.transferring:
            await put_through(call, agent)

    call.bridge(call.leg, agent)
    await call.answer()
    await call.converse(agent)  # to the end, whoever the caller talks with then


async def put_through(call: Call, agent: Agent) -> None:
    """Ask one after the other whether they take the caller, who hears music meanwhile."""
    for person in PEOPLE:
        result = await call.transfer(
            person,
            mode="warm",
            timeout_s=15,
            music=MUSIC,
            summary="A caller would like to talk with you. Press one to take the call.",
            accept_key="1",
        )
        print(f"{person}: {'connected' if result.done else result.reason}", flush=True)
        if result.done:
            return
    agent.tell("Nobody is free to take the call just now. Offer to take a message.")
