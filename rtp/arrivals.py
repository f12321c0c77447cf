r"""How evenly a sender's packets come, and how long one that has not come is waited for.

packet, now --> jitter (RFC 3550) --> patience: until silence takes its place
            \-> ease, against the slowest of late --> wait: across a gap in the sequence
"""

from typing import Final

from rtp.stats import StreamStats

__all__ = ["LEAST_PATIENCE_S", "Arrivals"]

LEAST_PATIENCE_S: Final = 0.060
_PATIENCE_S: Final = 0.040  # beyond the packet due next
_PATIENCE_MAX_S: Final = 0.200
_WAIT_MIN_S: Final = 0.005  # neighbours that swap in a queue do so in less
_WAIT_MARGIN_S: Final = 0.005
_EASE_KEPT: Final = 1 - 1 / 4096  # at each packet: the slowest one is forgotten in a minute or two
_STEADY_S: Final = 1.0  # a larger step between packets is not jitter


class Arrivals:
    """Compares each packet's time with its timestamp. Lengths are seconds of audio in a packet."""

    __slots__ = ("_at", "_clock_rate", "_ease", "_stats", "_timestamp")

    def __init__(self, clock_rate: int, *, stats: StreamStats) -> None:
        """Count a sender's time at `clock_rate`; the jitter is kept in `stats`."""
        self._clock_rate = clock_rate
        self._stats = stats
        self._at = 0.0  # the last packet came
        self._timestamp = 0  # which it had
        self._ease = 0.0  # s by which it was faster than the slowest one of late

    def begin(self, timestamp: int, now: float) -> None:
        """The first packet of a sender, or of a sender's new clock, has come."""
        self._at = now
        self._timestamp = timestamp
        self._ease = 0.0

    def note(self, timestamp: int, now: float) -> None:
        """Another one has come (RFC 3550 section 6.4.1)."""
        step = now - self._at - (timestamp - self._timestamp) / self._clock_rate
        self._at = now
        self._timestamp = timestamp
        if -_STEADY_S < step < _STEADY_S:
            stats = self._stats
            stats.jitter += (abs(step) - stats.jitter) / 16
            ease = self._ease - step
            self._ease = ease * _EASE_KEPT if ease > 0.0 else 0.0

    def patience_s(self, length_s: float) -> float:
        """How long after the last packet, of this length, its place is left open."""
        wait = length_s + _PATIENCE_S + 3 * self._stats.jitter
        return min(_PATIENCE_MAX_S, max(LEAST_PATIENCE_S, wait))

    def wait_s(self, length_s: float) -> float:
        """How long the packet before the one just come may still take, by the slowest of late."""
        return max(_WAIT_MIN_S, self._ease + _WAIT_MARGIN_S - length_s)
