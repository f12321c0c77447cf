"""Tools as Ultravox is told of them: a SelectedTool each, implemented by the client."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.tools.options import Options
from bridge.tools.signature import Parameter

__all__ = ["Definition", "define", "name_of", "offer"]

Definition = Mapping[str, Any]


def define(
    name: str, description: str, parameters: Iterable[Parameter], options: Options
) -> Definition:
    """A tool by that name, as the body of a request has it."""
    tool: dict[str, Any] = {
        "modelToolName": name,
        "description": description,
        "dynamicParameters": [
            {
                "name": each.name,
                "location": "PARAMETER_LOCATION_BODY",
                "schema": dict(each.schema),
                "required": each.required,
            }
            for each in parameters
        ],
        "client": {},
    }
    if options.late is None:
        tool["timeout"] = f"{options.timeout_s:.3f}".rstrip("0").rstrip(".") + "s"
    if options.precomputable:
        tool["precomputable"] = True
    if options.reaction is not None:
        reaction = options.reaction.upper().replace("-", "_")
        tool["defaultReaction"] = f"AGENT_REACTION_{reaction}"
    return {"temporaryTool": tool}


def name_of(definition: Definition) -> str:
    """What the agent calls the tool."""
    return str(definition["temporaryTool"]["modelToolName"])


def offer(
    body: Mapping[str, Any], definitions: Iterable[Definition], *, agent_call: bool
) -> dict[str, Any]:
    """Return the request `body` with tools added to those it has.

    An agent call takes them as ``toolOverrides.add``, a plain call as ``selectedTools``.
    """
    added = [dict(each) for each in definitions]
    offered = dict(body)
    if not added:
        return offered
    if not agent_call:
        offered["selectedTools"] = [*offered.get("selectedTools", []), *added]
        return offered
    overrides = dict(offered.get("toolOverrides") or {})
    overrides["add"] = [*overrides.get("add", []), *added]
    offered["toolOverrides"] = overrides
    return offered
