"""Counters of the calls that are over, so that a scrape sees them beside those still alive."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.call import Call
from bridge.outbound.failover import Attempt
from bridge.outcome import Outcome

__all__ = ["Totals", "Wire"]


@dataclass(slots=True)
class Wire:
    """What passed over the wires of one call, or of many."""

    received: int = 0
    sent: int = 0
    lost: int = 0
    concealed: int = 0
    late: int = 0
    ticks: int = 0
    ticks_behind: int = 0
    barge_ins: int = 0
    uplink_dropped: int = 0
    """Frames for agents whose sockets took nothing for too long."""
    playout_dropped_s: float = 0.0
    """Seconds of agents' speech that did not fit into the playout."""

    def add(self, call: Call) -> None:
        """Add the counts of `call`."""
        for party in call.parties:
            stats = party.stream.stats
            self.received += stats.received
            self.sent += stats.sent
            self.lost += stats.lost
            self.concealed += stats.concealed
            self.late += stats.late
            self.ticks += stats.ticks + stats.ticks_late
            self.ticks_behind += stats.ticks_behind
            self.playout_dropped_s += stats.overflow / call.rate
        self.barge_ins += sum(talk.barge_ins for talk in call.talks)
        sessions = [talk.session.stats for talk in call.talks if talk.session is not None]
        self.uplink_dropped += sum(each.dropped for each in sessions)


@dataclass(slots=True)
class Totals:
    """Everything counted since the start."""

    wire: Wire = field(default_factory=Wire)
    calls: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Ended calls by direction, trunk, result and cause."""

    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Attempts to reach somebody, by trunk and by the cause of failure or `answered`."""

    def attempted(self, attempts: Iterable[Attempt]) -> None:
        """Count the attempts of a call that is over."""
        for each in attempts:
            result = "answered" if each.outcome is None else each.outcome.cause
            self.attempts[each.trunk, result] += 1

    def ended(self, direction: str, trunk: str, outcome: Outcome) -> None:
        """Count a call that is over."""
        self.calls[direction, trunk, outcome.result, outcome.cause] += 1
