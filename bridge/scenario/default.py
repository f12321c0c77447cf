"""What a call does where no scenario is named: the agent talks with the caller, or the callee."""

from bridge.agents.talk import Talk
from bridge.errors import AgentError, AgentLost
from bridge.scenario.call import Call
from bridge.scenario.rescue import Rescue

__all__ = ["Inbound", "Outbound"]


class Inbound:
    """Ring while the agent is made and joins; answer; let them talk."""

    async def run(self, call: Call) -> None:
        """Live the call."""
        await call.ring()
        rescue, agent = Rescue(call), call.prepare_agent()
        try:
            await call.join(agent)
        except AgentError as error:
            agent = await rescue.replace(error, agent)
        call.bridge(call.leg, agent)
        await call.answer()
        await _converse(call, agent, rescue)


class Outbound:
    """Make the agent while the phone rings and join it at the answer; let them talk.

    The greeting is thus spoken to a person, and an unanswered call costs nothing; the price is
    one WebSocket handshake between the answer and the greeting.
    """

    async def run(self, call: Call) -> None:
        """Live the call."""
        rescue, agent = Rescue(call), call.prepare_agent()
        await call.dial(meanwhile=None if rescue.possible else agent)
        try:
            await call.join(agent)
        except AgentError as error:
            agent = await rescue.replace(error, agent)
        call.bridge(call.leg, agent)
        await _converse(call, agent, rescue)


async def _converse(call: Call, agent: Talk, rescue: Rescue) -> None:
    """Let them talk, and go on with another agent where one is lost."""
    while True:
        try:
            await call.converse(agent)
        except AgentLost as error:
            agent = await rescue.replace(error, agent)
            call.bridge(call.leg, agent)
