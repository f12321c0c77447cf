"""The agents of a call as the journal and the control API show them."""

from typing import Any

from bridge.call import Call

__all__ = ["agents_of"]


def agents_of(call: Call) -> list[dict[str, Any]]:
    """Every agent that was asked for, in turn: its Ultravox call, and why that ended."""
    return [
        {
            "agent": talk.agent.name,
            "ultravox_call_id": talk.ultravox_call_id,
            "end_reason": talk.end_reason,
        }
        for talk in call.talks
        if talk.reserved
    ]
