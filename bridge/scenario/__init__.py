"""The life of a call as a coroutine of yours; `examples/` has whole ones.

    from bridge.scenario import Call

    class Inbound:
        async def run(self, call: Call) -> None:
            await call.ring()
            agent = await call.create_agent()
            call.bridge(call.leg, agent)
            await call.answer()
            await call.converse(agent)

It is named in the configuration, `scenario: package.module:Inbound`, for a route or an agent. It
runs on the loop that carries the audio of all calls: what computes or blocks belongs in a thread
(`asyncio.to_thread`). `docs/scenarios.md` has all that a call can be asked.
"""

from bridge.agents.talk import Talk as Agent
from bridge.errors import AgentError, NotAnswered, NotNow
from bridge.media.playback import Playback as Player
from bridge.outcome import Cause, Outcome, Result
from bridge.parties.party import Party as Leg
from bridge.recording.tape import Tape as Recorder
from bridge.scenario import events
from bridge.scenario.call import Call
from bridge.scenario.running import Scenario
from bridge.transfer import TransferResult

__all__ = [
    "Agent",
    "AgentError",
    "Call",
    "Cause",
    "Leg",
    "NotAnswered",
    "NotNow",
    "Outcome",
    "Player",
    "Recorder",
    "Result",
    "Scenario",
    "TransferResult",
    "events",
]
