"""What an agent says and does, as those are told who follow the call, and its scenario."""

from typing import TYPE_CHECKING, Any

from bridge import happenings
from bridge.agents.on_call import OnCall
from bridge.ultravox.messages import AgentState, ClientToolInvocation, Transcript

if TYPE_CHECKING:
    from bridge.agents.talk import Talk

__all__ = ["of_being_said", "of_said", "of_state", "of_tool"]


def of_state(call: OnCall, talk: "Talk", state: AgentState) -> None:
    """The agent is idle, listening, thinking or speaking from now on."""
    call.announce(happenings.AgentState(agent=talk, state=state))


def of_tool(call: OnCall, talk: "Talk", invocation: ClientToolInvocation) -> None:
    """The agent uses a tool."""
    call.announce(
        happenings.ToolCall(agent=talk, name=invocation.tool_name, parameters=invocation.parameters)
    )


def of_being_said(call: OnCall, talk: "Talk", message: Transcript) -> None:
    """A few words more of an utterance, which soon nobody wants to know of any more."""
    if not message.delta:
        return
    role, ordinal, delta = message.role, message.ordinal, message.delta
    call.pass_on("transcript-delta", role=role, ordinal=ordinal, delta=delta)
    call.announce(happenings.TranscriptDelta(agent=talk, role=role, ordinal=ordinal, delta=delta))


def of_said(call: OnCall, talk: "Talk", entry: dict[str, Any]) -> None:
    """An utterance is over, or corrected: an entry of the minutes."""
    call.note("transcript", **entry)
    call.announce(happenings.Transcript(agent=talk, role=entry["role"], text=entry["text"]))
