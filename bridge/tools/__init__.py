"""Tools of your own for an agent: what a module of them imports.

    from bridge.tools import ToolContext, ToolError, tool

    @tool(timeout_s=10)
    async def lookup_order(call: ToolContext, number: int) -> str:
        "Tell how far an order has got. (And in Args:, what `number` is.)"
        if number not in ORDERS:
            raise ToolError("There is no order of that number. Ask for it once more.")
        return ORDERS[number]

The configuration names it: ``tools: ["shop.tools:lookup_order"]``. Your code runs in a process of
its own, where nothing that it does can be heard: see `bridge.tools.host`.
"""

from bridge.tools.answers import HangUp, NewStage, Reply, ToolError
from bridge.tools.context import ToolContext
from bridge.tools.options import tool

__all__ = ["HangUp", "NewStage", "Reply", "ToolContext", "ToolError", "tool"]
