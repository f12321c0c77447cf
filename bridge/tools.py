"""Client tools: what an agent may ask the bridge to do, and the answers it gets.

Ultravox freezes the conversation until the result arrives and gives up after the tool's timeout,
so every invocation is answered at once, unknown ones with the documented error.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.errors import NotNow
from bridge.ultravox.messages import (
    ClientToolInvocation,
    ClientToolResult,
    Reaction,
    ResponseType,
    ToolErrorType,
)

__all__ = ["BUILT_IN", "answer", "offer"]

log = logging.getLogger("bridge.tools")

Definition = Mapping[str, Any]

HANG_UP: Definition = {
    "temporaryTool": {
        "modelToolName": "hang_up",
        "description": (
            "End the phone call. Use it when the conversation is over; "
            "`farewell` is spoken to the caller before the line closes."
        ),
        "dynamicParameters": [
            {
                "name": "farewell",
                "location": "PARAMETER_LOCATION_BODY",
                "schema": {"type": "string", "description": "What to say before hanging up."},
                "required": False,
            }
        ],
        "client": {},
    }
}

SEND_DTMF: Definition = {
    "temporaryTool": {
        "modelToolName": "send_dtmf",
        "description": (
            "Press keys of the telephone (DTMF), to answer a menu or to dial an extension. "
            "Afterwards listen to what the other side says."
        ),
        "dynamicParameters": [
            {
                "name": "digits",
                "location": "PARAMETER_LOCATION_BODY",
                "schema": {
                    "type": "string",
                    "pattern": "^[0-9*#A-Da-dwW,]{1,128}$",
                    "description": "Keys 0-9 * # A-D; w waits half a second, a comma two.",
                },
                "required": True,
            }
        ],
        "client": {},
    }
}

BUILT_IN: Mapping[str, Definition] = {"hang_up": HANG_UP, "send_dtmf": SEND_DTMF}
"""The tools that an agent's `tools` may name, by name, as Ultravox defines a SelectedTool."""


def offer(body: Mapping[str, Any], tools: Iterable[str], *, agent_call: bool) -> dict[str, Any]:
    """Return the request `body` with the named built-in `tools` added to those it has.

    An agent call takes them as ``toolOverrides.add``, a plain call as ``selectedTools``.
    """
    definitions = [dict(BUILT_IN[name]) for name in tools]
    offered = dict(body)
    if not definitions:
        return offered
    if not agent_call:
        offered["selectedTools"] = [*offered.get("selectedTools", []), *definitions]
        return offered
    overrides = dict(offered.get("toolOverrides") or {})
    overrides["add"] = [*overrides.get("add", []), *definitions]
    offered["toolOverrides"] = overrides
    return offered


def answer(
    invocation: ClientToolInvocation, *, send_digits: Callable[[str], None]
) -> ClientToolResult:
    """Carry out `invocation`, and give its result.

    `send_digits` presses keys, and raises ValueError or NotNow where it cannot.
    """
    match invocation.tool_name:
        case "hang_up":
            return _hang_up(invocation)
        case "send_dtmf":
            return _send_dtmf(invocation, send_digits)
        case unknown:
            log.warning("< tool %s is not one of ours", unknown)
            return _failure(
                invocation, ToolErrorType.UNDEFINED, f"There is no tool named {unknown}."
            )


def _failure(
    invocation: ClientToolInvocation, kind: ToolErrorType, message: str
) -> ClientToolResult:
    return ClientToolResult(
        invocation_id=invocation.invocation_id, error_type=kind, error_message=message
    )


def _send_dtmf(
    invocation: ClientToolInvocation, send_digits: Callable[[str], None]
) -> ClientToolResult:
    """Press keys; the agent then waits for what the other side says to them."""
    try:
        send_digits(str(invocation.parameters.get("digits", "")))
    except (ValueError, NotNow) as error:
        return _failure(invocation, ToolErrorType.IMPLEMENTATION_ERROR, f"Nothing sent: {error}.")
    return ClientToolResult(
        invocation_id=invocation.invocation_id,
        result="The keys are being pressed.",
        agent_reaction=Reaction.LISTENS,
    )


def _hang_up(invocation: ClientToolInvocation) -> ClientToolResult:
    """Let Ultravox say the farewell and close; the call ends when it has been heard."""
    result: dict[str, object] = {"strict": True}
    farewell = invocation.parameters.get("farewell")
    if isinstance(farewell, str) and farewell:
        result["message"] = farewell
    return ClientToolResult(
        invocation_id=invocation.invocation_id,
        result=json.dumps(result),
        response_type=ResponseType.HANG_UP,
    )
