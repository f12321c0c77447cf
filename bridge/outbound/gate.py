"""Whether a trunk takes one more call now: its pace, its places, and whether it asked for rest."""

import math
from collections.abc import Callable

from bridge.errors import Full
from bridge.outbound.pace import TokenBucket

__all__ = ["Gate"]

PATIENCE_S = 5.0
"""The longest that a call waits for its turn; one that would wait longer is refused."""
RETRY_AFTER_S = 5
"""What an order is told to wait for a place, which comes free when a call ends."""
LONGEST_REST_S = 600
"""However long a trunk asks to be left alone, it is asked again after this."""


class Gate:
    """Stands before one trunk. Sans I/O: time comes as argument."""

    def __init__(
        self,
        trunk: str,
        *,
        calls_per_second: float,
        max_calls: int,
        alive: Callable[[], int],
    ) -> None:
        """Of both limits 0 is none; `alive` counts the trunk's calls, in both directions."""
        self._trunk = trunk
        self._bucket = TokenBucket(calls_per_second) if calls_per_second else None
        self._max_calls = max_calls
        self._alive = alive
        self._rests_until = -math.inf
        self.coming = 0
        """Calls let in that are not alive yet; who enters counts them up, and down again."""

    def enter(self, now: float) -> float:
        """Let a call in; returns the seconds that it has to wait for its turn.

        Raises Full, which says when trying again makes sense.
        """
        if now < self._rests_until:
            asked = math.ceil(self._rests_until - now)
            raise Full(f"trunk {self._trunk} is left alone for {asked} s", retry_after_s=asked)
        if self._max_calls and self._alive() + self.coming >= self._max_calls:
            taken = f"trunk {self._trunk} carries all its {self._max_calls} calls"
            raise Full(taken, retry_after_s=RETRY_AFTER_S)
        if self._bucket is None:
            return 0.0
        if (wait := self._bucket.wait(now)) > PATIENCE_S:
            asked = math.ceil(wait - PATIENCE_S)
            raise Full(f"trunk {self._trunk} takes no more at once", retry_after_s=asked)
        return self._bucket.take(now)

    def rest(self, seconds: int, now: float) -> None:
        """Let nobody in for so long: it asked for that (RFC 3261 section 21.5.4), or is dead."""
        self._rests_until = max(self._rests_until, now + min(seconds, LONGEST_REST_S))
