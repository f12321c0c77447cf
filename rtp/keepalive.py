"""What keeps the way of a stream open on which nothing else is sent (RFC 6263)."""

from typing import Final

__all__ = ["KEEPALIVE_TYPE", "Keepalive"]

KEEPALIVE_TYPE: Final = 20
"""Payload type neither assigned nor dynamic, which no receiver takes (RFC 6263 section 4.6)."""
_PERIOD_S: Final = 15.0  # RFC 6263 section 7


class Keepalive:
    """Says when a packet is due, lest a NAT forgets us. Asked only while nothing else is sent."""

    __slots__ = ("_last",)

    def __init__(self, now: float) -> None:
        self._last = now

    def due(self, now: float) -> bool:
        """Whether to send one now."""
        if now - self._last < _PERIOD_S:
            return False
        self._last = now
        return True
