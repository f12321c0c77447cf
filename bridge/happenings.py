"""What happens in a call, as values for a scenario; `bridge.scenario.events` is its public name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.outcome import Outcome
from sip import Headers

if TYPE_CHECKING:
    from bridge.agents.talk import Talk
    from bridge.parties.party import Party

__all__ = [
    "AgentLost",
    "AgentState",
    "Digits",
    "Event",
    "HangUp",
    "Hold",
    "MediaQuality",
    "ToolCall",
    "Transcript",
    "TranscriptDelta",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened in a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript(Event):
    """Somebody has said something, to the end of the utterance."""

    agent: "Talk"
    role: str
    """user or agent."""
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptDelta(Event):
    """Somebody is saying something, or the agent is about to: what has come of it newly."""

    agent: "Talk"
    role: str
    """user or agent."""
    ordinal: int
    """Which utterance of the agent's session it belongs to."""
    delta: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState(Event):
    """An agent is idle, listening, thinking or speaking."""

    agent: "Talk"
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(Event):
    """An agent uses a client tool; who answers it is another matter."""

    agent: "Talk"
    name: str
    parameters: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits(Event):
    """A party has pressed digits, up to a pause."""

    leg: "Party"
    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Event):
    """A party is held, or is no longer; by itself or by us."""

    leg: "Party"
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaQuality(Event):
    """How a leg has sounded so far: estimated MOS of what we hear and of what it hears."""

    leg: "Party"
    uplink: float | None
    downlink: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLost(Event):
    """The connection to an agent broke."""

    agent: "Talk"
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp(Event):
    """A leg is over; where it was an essential one, so is the call."""

    leg: "Party"
    outcome: Outcome
    headers: Headers = field(default_factory=Headers, repr=False)
    """Of the BYE, the CANCEL or the refusal, where the other side sent one."""
