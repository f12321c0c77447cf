"""The times that bound a call, and the states that it goes through."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["CallState", "Limits"]


class CallState(Enum):
    """Where a call is in its life."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The times that bound a call, in seconds."""

    rtp_timeout_s: float
    """Silence on the wire after which an answered call ends, unless held; 0 never."""
    ring_timeout_s: float
    """How long an outbound call may ring."""
    drain_s: float
    """The longest farewell still played after the agent's socket closed."""
