"""A tool's result as the message that answers its invocation."""

import json
from collections.abc import Iterable

from bridge.tools.definition import Definition
from bridge.tools.results import Kind, ToolResult
from bridge.ultravox.messages import ClientToolResult, Reaction, ResponseType, ToolErrorType

__all__ = ["client_tool_result"]


def client_tool_result(
    invocation_id: str, result: ToolResult, *, tools: Iterable[Definition] | None = None
) -> ClientToolResult:
    """The message; `tools` are those of a new stage, where it has some of its own."""
    if result.error is not None:
        unknown = result.kind is Kind.UNKNOWN
        return ClientToolResult(
            invocation_id=invocation_id,
            error_type=ToolErrorType.UNDEFINED if unknown else ToolErrorType.IMPLEMENTATION_ERROR,
            error_message=result.error,
        )
    if result.hang_up is not None:
        return ClientToolResult(
            invocation_id=invocation_id,
            result=json.dumps(result.hang_up),
            response_type=ResponseType.HANG_UP,
        )
    if result.stage is not None:
        stage = dict(result.stage)
        if tools is not None:
            stage["selectedTools"] = [dict(each) for each in tools]
        return ClientToolResult(
            invocation_id=invocation_id,
            result=json.dumps(stage),
            response_type=ResponseType.NEW_STAGE,
        )
    return ClientToolResult(
        invocation_id=invocation_id,
        result=result.text or "",
        agent_reaction=Reaction(result.reaction) if result.reaction else None,
        update_call_state=result.state,
    )
