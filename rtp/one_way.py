"""Audio that goes one way only: a firewall or a wrong address in between, most often."""

from enum import Enum

from rtp.stats import StreamStats

__all__ = ["OneWay", "OneWayWatch"]

_NEVER_S = 10.0  # without a first packet
_AGAIN_S = 20.0  # without another one; a peer that suppresses silence sends none while it listens
_DEAF_REPORTS = 2  # in a row, about 10 s


class OneWay(Enum):
    """Which way is missing."""

    NOTHING_COMES = "we send, and nothing comes"
    NOTHING_ARRIVES = "the other party reports that nothing of ours arrives"


class OneWayWatch:
    """Watches the counters of one stream in which audio should go both ways. Sans I/O."""

    def __init__(self) -> None:
        self._came = -1
        self._sent = 0  # when something last came
        self._since = 0.0

    def look(self, stats: StreamStats, now: float, *, hushed: bool = False) -> OneWay | None:
        """What is wrong now, None when nothing is. Call every few seconds while not on hold.

        A peer may be `hushed` that sends comfort noise once and then nothing while it listens
        (RFC 3389 section 4): its reports tell then that what it sends does come.
        """
        came = stats.received + (stats.remote_reports if hushed and stats.received else 0)
        if came != self._came:
            self._came = came
            self._sent = stats.sent
            self._since = now
        patience_s = _AGAIN_S if stats.received else _NEVER_S
        if stats.sent > self._sent and now - self._since >= patience_s:
            return OneWay.NOTHING_COMES
        if stats.remote_deaf >= _DEAF_REPORTS:
            return OneWay.NOTHING_ARRIVES
        return None
