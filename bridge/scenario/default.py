"""What a call does where no scenario is named: the agent talks with the caller, or the callee."""

from bridge.scenario.call import Call

__all__ = ["Inbound", "Outbound"]


class Inbound:
    """Ring while the agent is made and joins; answer; let them talk."""

    async def run(self, call: Call) -> None:
        """Live the call."""
        await call.ring()
        agent = await call.create_agent()
        call.bridge(call.leg, agent)
        await call.answer()
        await call.converse(agent)


class Outbound:
    """Make the agent while the phone rings and join it at the answer; let them talk.

    The greeting is thus spoken to a person, and an unanswered call costs nothing; the price is
    one WebSocket handshake between the answer and the greeting.
    """

    async def run(self, call: Call) -> None:
        """Live the call."""
        agent = call.prepare_agent()
        await call.dial(meanwhile=agent)
        await call.join(agent)
        call.bridge(call.leg, agent)
        await call.converse(agent)
