"""The life of a call as a coroutine of yours; see `examples/`.

from bridge.scenario import Call

class Inbound:
async def run(self, call: Call) -> None:
await call.ring()
agent = await call.create_agent()
call.bridge(call.leg, agent)
await call.answer()
await call.converse(agent)
"""

from bridge.scenario.call import Call

__all__ = ["Call"]
