"""The figures of the benchmark: from raw columns and readings to what a report says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from tests.bench.columns import Column, read_columns

__all__ = [
    "Level",
    "Manners",
    "Spread",
    "Turnover",
    "barge_ins",
    "delays",
    "histogram_bound",
    "lateness_on_the_wire",
    "load_lateness",
]

_TIMESTAMP_WRAP_S = 2**32 / 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A distribution of times, in milliseconds."""

    p50: float
    p90: float
    p99: float
    max: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float] | Column) -> Self:
        """The spread of times in seconds; NaN where there are none."""
        values = np.asarray(seconds, dtype=np.float64) * 1000
        if not values.size:
            return cls(p50=np.nan, p90=np.nan, p99=np.nan, max=np.nan, count=0)
        p50, p90, p99, most = (round(float(v), 3) for v in np.percentile(values, (50, 90, 99, 100)))
        return cls(p50=p50, p90=p90, p99=p99, max=most, count=int(values.size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What was seen while a number of calls was up."""

    calls: int
    seconds: float
    cpu_per_call: float
    """Percent of a core."""
    windows: int
    """How many were measured until the host left the bridge's core alone; the last one counts."""
    pace_ms: float
    """What a loop of 100,000 squares in Python took just after it."""
    awake_cpu_per_call: float
    """The same while the core never idles."""
    system_share: float
    """Of that, the part spent in the kernel."""
    resident_mb: float
    threads: int
    descriptors: int
    setup: Spread
    """INVITE to 200 of the calls that were added, at an instant agent."""
    round_trip: Spread
    """A frame sent by the caller until its first byte is heard back."""
    uplink: Spread
    """A frame sent by the caller until the bridge has written it to the agent's WebSocket."""
    downlink: Spread
    """A frame sent by the agent until its first byte is heard."""
    held: Spread
    """A frame at the agent's socket until the agent sends it back."""
    behind_schedule: Spread
    """Each packet, against the earliest of its call by RTP timestamp."""
    behind_share: float
    """Of all beats, those more than 10 ms late or left out, by the bridge's own count."""
    tick_late_p50_ms: float
    """The bridge's own metric, the worst of each call in 5 s: upper bounds of its buckets."""
    tick_late_p99_ms: float
    frames_sent: int
    frames_heard: int
    filled: int
    """Packets of silence where an echo should have been."""
    broken: int
    """Marks that came back damaged, as those of stretched frames do,"""
    strange: int
    """and whole ones of frames that were not sent, or over 5 s before."""
    caller_late: Spread
    """How late the load itself sent."""
    echo_late: Spread
    """How late the agent's own loop was."""
    caller_cpu: float
    """Percent of a core."""
    echo_cpu: float
    others_cpu: float
    """Percent of the bridge's core used by whoever is no part of the benchmark."""
    stolen_cpu: float

    @property
    def cpu(self) -> float:
        """Percent of a core, all calls together."""
        return self.cpu_per_call * self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """Calls coming and going at a steady rate."""

    rate: int
    offered: int
    answered: int
    failed: int
    retransmissions: int
    answered_per_s: float
    slowest_second: int
    """Answers in the second that had the fewest."""
    setup: Spread
    steps: Mapping[str, float] = field(default_factory=dict)
    """Median milliseconds from the INVITE to each step, as the bridge saw it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """Calls whose agents do other than echo."""

    calls: int
    silent_cpu_per_call: float
    """Percent of a core, while agents say nothing and callers talk on."""
    clears: int
    """Bursts of speech that agents took back,"""
    barge_in: Spread
    """and from the clear's sending to the last packet that was not silence."""


def barge_ins(caller: Path, echo: Path) -> Column:
    """From each clear's sending until its call's last packet of sound came, in seconds."""
    heard, sent = read_columns(caller), read_columns(echo)
    ended = dict(zip(heard["ended"], heard["ended_at"], strict=True))
    cleared = zip(sent["cleared"], sent["cleared_at"], strict=True)
    return np.array([ended[burst] - at for burst, at in cleared if burst in ended])


FRAMES = 1 << 14
"""Numbers of one caller's frames (tests/bench/native/mark.h)."""
EVERY = 1024
"""As many callers as there may be."""


def delays(
    caller: Path, echo: Path, *, callers: int = EVERY
) -> tuple[Column, Column, Column, Column]:
    """Round trip, uplink, downlink, and how long the agent held it, of each frame, in seconds.

    Only those of the first `callers` count.
    """
    heard, arrived = read_columns(caller), read_columns(echo)
    ours = heard["identity"] < callers * FRAMES
    identity, sent_at, heard_at = (
        heard[name][ours] for name in ("identity", "sent_at", "heard_at")
    )
    order = np.argsort(arrived["identity"])
    known = arrived["identity"][order]
    if not identity.size or not known.size:
        return heard_at - sent_at, np.empty(0), np.empty(0), np.empty(0)
    place = np.minimum(np.searchsorted(known, identity), known.size - 1)
    both = known[place] == identity
    arrived_at, returned_at = (
        arrived[name][order][place] for name in ("arrived_at", "returned_at")
    )
    return (
        heard_at - sent_at,
        (arrived_at - sent_at)[both],
        (heard_at - returned_at)[both],
        (returned_at - arrived_at)[both],
    )


def lateness_on_the_wire(caller: Path, *, callers: int = EVERY) -> Column:
    """How far each packet came behind the earliest of its call, by RTP timestamp, in seconds.

    Only those of the first `callers` count, each of which had one call.
    """
    heard = read_columns(caller)
    whose, at, stamp = heard["packet_of"], heard["packet_at"], heard["packet_time"]
    behind = []
    for each in np.unique(whose[whose < callers]):
        mine = whose == each
        offset = at[mine] - stamp[mine]
        offset = (offset - offset[0] + _TIMESTAMP_WRAP_S / 2) % _TIMESTAMP_WRAP_S
        behind.append(offset - offset.min())
    return np.concatenate(behind) if behind else np.empty(0)


def load_lateness(seen: Path) -> Spread:
    """How late the load was, by what it noted itself."""
    return Spread.of(read_columns(seen)["late"])


def histogram_bound(
    before: Mapping[str, float], after: Mapping[str, float], name: str, quantile: float
) -> float:
    """The upper bound of the bucket that a quantile of a Prometheus histogram falls in."""
    buckets = sorted(
        (float(metric.partition('le="')[2].partition('"')[0]), count - before.get(metric, 0.0))
        for metric, count in after.items()
        if metric.startswith(f"{name}_bucket")
    )
    total = buckets[-1][1] if buckets else 0.0
    return next((bound for bound, count in buckets if total and count >= quantile * total), np.nan)
