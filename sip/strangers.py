"""Who was refused and how often: bounded, and quiet enough for a log under attack."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

__all__ = ["Strangers"]

CAPACITY: Final = 1024
"""Sources remembered; the one seen longest ago is forgotten first."""
INTERVAL_S: Final = 1.0
"""Between two reports of one source."""
BURST: Final = 20
"""Reports a second over all sources: an attack from many addresses must not fill the log."""


@dataclass(slots=True)
class _Seen:
    reported_at: float
    unreported: int = 0


class Strangers:
    """Counts refusals by source and says when one is worth a report."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._second = float("-inf")
        self._reports = 0

    def refused(self, source: str, now: float) -> int:
        """Count one refusal; the number to report now, or 0 to stay silent."""
        seen = self._seen.get(source)
        if seen is None:
            seen = self._seen[source] = _Seen(reported_at=float("-inf"))
            if len(self._seen) > CAPACITY:
                self._seen.popitem(last=False)
        self._seen.move_to_end(source)
        seen.unreported += 1
        if now - seen.reported_at < INTERVAL_S or not self._may_report(now):
            return 0
        count, seen.unreported, seen.reported_at = seen.unreported, 0, now
        return count

    def _may_report(self, now: float) -> bool:
        if now - self._second >= INTERVAL_S:
            self._second, self._reports = now, 0
        self._reports += 1
        return self._reports <= BURST
