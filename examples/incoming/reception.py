"""Answers a call with an agent, and prints what is said."""

from bridge.scenario import Call, events


class Reception:
    """One call that came in."""

    async def run(self, call: Call) -> None:
        """Ring, answer, let them talk."""

        @call.on(events.Transcript)
        def transcript(event: events.Transcript) -> None:
            print(f"{event.role}: {event.text}", flush=True)

        await call.ring()
        # Created and joined while the phone rings: the answer is not followed by silence.
        agent = await call.create_agent()
        call.bridge(call.leg, agent)
        await call.answer()
        # Barge-in needs no code: the agent's speech stops when the caller interrupts.
        await call.converse(agent)
