"""What a session has sent and received."""

from dataclasses import dataclass

__all__ = ["SessionStats"]


@dataclass(slots=True)
class SessionStats:
    """Counters of one session."""

    sent: int = 0
    """Audio frames handed to the socket."""
    received: int = 0
    """Audio frames taken from it."""
    messages: int = 0
    """Data messages received."""
    dropped: int = 0
    """Uplink frames thrown away while the socket was stalled."""
    odd_length: int = 0
    """Audio frames with half a sample, which the next one goes on with."""
    oversize: int = 0
    """Messages over MESSAGE_LIMIT; each ends the session with 1009."""
    bad_json: int = 0
    """Text frames that are no message."""
    unknown: int = 0
    """Messages of a type that is not documented."""
