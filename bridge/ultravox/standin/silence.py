"""Silence in a conversation, and what breaks it: the agent's opening at first, then its nudges."""

from collections.abc import Sequence

from bridge.ultravox.standin.settings import Nudge, Opening

__all__ = ["Silence"]


class Silence:
    """Knows how long nobody has said anything. Times are seconds of one clock."""

    def __init__(self, opening: Opening, nudges: Sequence[Nudge]) -> None:
        self._opening = opening
        self._nudges = nudges
        self._opens_at: float | None = None
        self._since = 0.0
        self._nudged = 0

    def begin(self, now: float) -> None:
        """The client joined."""
        self._since = now
        if self._opening.delay_s is not None:
            self._opens_at = now + self._opening.delay_s

    def caller_broke_it(self, now: float) -> None:
        """The caller has said or written something: nudges begin anew."""
        self._since, self._nudged = now, 0

    def agent_ended(self, now: float) -> None:
        """The agent has done all that it had to."""
        self._since = now

    def opened(self) -> None:
        """Somebody has begun the conversation: it needs no opening any more."""
        self._opens_at = None

    def due(self, now: float) -> Opening | Nudge | None:
        """What is to be said now; a nudge is due once."""
        if self._opens_at is not None and now >= self._opens_at:
            return self._opening
        if self._nudged < len(self._nudges):
            nudge = self._nudges[self._nudged]
            if now - self._since >= nudge.after_s:
                self._nudged += 1
                return nudge
        return None
