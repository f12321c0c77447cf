"""Calls somebody to remind them of something, for two minutes at most."""

import asyncio

from bridge.scenario import Call, Cause, events

MAX_CALL_S = 120.0


class Reminder:
    """One call that somebody ordered: `uvbridge call NUMBER --agent reminder --var name=Ann`."""

    async def run(self, call: Call) -> None:
        """Make the agent while it rings; join it when a person is there."""

        @call.on(events.HangUp)
        def hung_up(event: events.HangUp) -> None:
            print(f"{event.leg.name}: {event.outcome.cause}", flush=True)

        agent = call.prepare_agent()
        await call.dial(meanwhile=agent)  # ends the call where nobody answers
        await call.join(agent)
        call.bridge(call.leg, agent)
        try:
            async with asyncio.timeout(MAX_CALL_S):
                await call.converse(agent)
        except TimeoutError:
            await call.end(Cause.TIME_LIMIT)
