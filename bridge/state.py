"""The states that a call goes through."""

from enum import Enum

__all__ = ["CallState"]


class CallState(Enum):
    """Where a call is in its life; it never goes back.

    RINGING ──> ANSWERED ──> ENDING ──> ENDED
       └── refused, given up ──^
    """

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"
