"""What the papers tell of a leg: how its party was reached, when, and how it ended."""

from bridge.outbound.failover import Attempt
from bridge.outcome import Outcome

__all__ = ["LegStory"]


class LegStory:
    """One side of a `Party`, which has the rest."""

    def __init__(self, *, trunk: str, to: str) -> None:
        self.trunk = trunk
        """Through which it is reached: of several that are tried, the latest."""
        self.to = to
        """Whom we called, as it was asked for; empty where it called us."""
        self.attempts: list[Attempt] = []
        """How we tried to reach it."""
        self.timings: dict[str, float] = {}
        """Seconds from the call's beginning to each step of its leg, by the step's name."""
        self.outcome: Outcome | None = None
        """How its leg ended, where it did so before the call."""
