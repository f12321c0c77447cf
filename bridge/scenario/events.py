"""The events of a call, for `call.on(...)` and `call.events(...)`."""

from bridge.happenings import (
    AgentLost,
    AgentState,
    Digits,
    Event,
    HangUp,
    Hold,
    MediaQuality,
    ToolCall,
    Transcript,
    TranscriptDelta,
)

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
