"""A client tool's call by the stand-in's agent, and what its result leads to. Sans-I/O."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from bridge.ultravox.messages import (
    ClientToolInvocation,
    ClientToolResult,
    Reaction,
    ResponseType,
)
from bridge.ultravox.standin.agents import Invoke, Leave, Say, Script, Step, cues, prompted
from bridge.ultravox.standin.parts import SelectedTool
from bridge.ultravox.standin.settings import client_tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What replaces the script, and what the agent had of tools and cues; None keeps it."""

    script: Script
    tools: Mapping[str, float] | None = None
    cues: Mapping[str, tuple[Step, ...]] | None = None

    @classmethod
    def of(cls, stage: Mapping[str, Any]) -> "Stage":
        """A new stage as the result of a tool describes it. Raises ValueError."""
        prompt, selected = stage.get("systemPrompt"), stage.get("selectedTools")
        tools = None
        if selected is not None:
            tools = client_tools(TypeAdapter(list[SelectedTool]).validate_python(selected))
        return cls(
            script=prompted(prompt), tools=tools, cues=cues(prompt) if prompt is not None else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """How the conversation goes on."""

    steps: tuple[Step, ...] = ()
    leaves: bool = False
    """Nothing else that was planned is done."""
    stage: Stage | None = None
    """A new one begins."""


@dataclass(slots=True, kw_only=True)
class ToolCall:
    """One invocation; `result` stays None when the client never answered."""

    id: str
    name: str
    parameters: dict[str, Any]
    deadline: float
    result: ClientToolResult | None = None

    @classmethod
    def of(cls, invoke: Invoke, *, deadline: float) -> "ToolCall":
        """A new one, whose result has to come by `deadline`."""
        return cls(
            id=str(uuid.uuid4()),
            name=invoke.tool,
            parameters=dict(invoke.parameters),
            deadline=deadline,
        )

    @property
    def invocation(self) -> ClientToolInvocation:
        """What the client is sent."""
        return ClientToolInvocation(
            tool_name=self.name, invocation_id=self.id, parameters=self.parameters
        )

    def outcome(self, *, more_to_do: bool) -> ToolOutcome:
        """What follows; an agent with nothing more to do says what the tool answered."""
        result = self.result
        if result is None:
            return ToolOutcome(steps=(Say(text=f"The tool {self.name} did not answer in time."),))
        if result.error_type is not None:
            return ToolOutcome(steps=(Say(text=f"The tool {self.name} failed."),))
        match result.response_type:
            case ResponseType.HANG_UP:
                return self._hang_up()
            case ResponseType.NEW_STAGE:
                return self._new_stage()
        if more_to_do or result.agent_reaction is Reaction.LISTENS:
            return ToolOutcome()
        return ToolOutcome(steps=(Say(text=f"The tool answered: {result.result or 'nothing'}"),))

    def _hang_up(self) -> ToolOutcome:
        assert self.result is not None
        settings = _object(self.result.result)
        message = settings.get("message")
        if not message:
            return ToolOutcome(steps=(Leave(),), leaves=True)
        say = Say(text=str(message), interruptible=not settings.get("strict", True))
        return ToolOutcome(steps=(say, Leave()), leaves=True)

    def _new_stage(self) -> ToolOutcome:
        assert self.result is not None
        try:
            return ToolOutcome(stage=Stage.of(_object(self.result.result)))
        except ValueError:
            return ToolOutcome(steps=(Say(text=f"The stage of {self.name} cannot be."),))


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
