"""A bad network in virtual time: the same packets lost and delayed each time for one seed.

Loss and delay are drawn apart, so that the same packets are lost whatever the jitter.
"""

import random
from dataclasses import dataclass

__all__ = ["Network", "Path"]

BASE_S = 0.040
"""Delay that every packet has, and that is nobody's to save."""

_OVERTAKEN_S = 0.030  # one and a half frames of 20 ms: its successor comes first
_DOUBLED_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a path does to packets. Shares are of all packets, 0 to 1."""

    loss: float = 0.0
    burst: float = 1.0
    """Mean number of packets lost in a row: 1 loses each by itself, more is Gilbert's model."""
    jitter_ms: float = 0.0
    """Delay beyond the base is evenly spread from 0 to this."""
    ordered: bool = True
    """Whether the delayed ones wait in a queue; else each goes its own way (as in netem)."""
    reorder: float = 0.0
    """Share that takes 30 ms longer than the queue."""
    duplicate: float = 0.0
    drift_ppm: float = 0.0
    """By how much the sender's clock is fast."""

    def __str__(self) -> str:
        words = [f"{self.loss:.0%} lost"]
        if self.burst > 1:
            words.append(f"in bursts of {self.burst:g}")
        if self.jitter_ms:
            words.append(f"{self.jitter_ms:g} ms jitter")
        if self.jitter_ms and not self.ordered:
            words.append("out of order")
        if self.reorder:
            words.append(f"{self.reorder:.0%} reordered")
        if self.duplicate:
            words.append(f"{self.duplicate:.0%} doubled")
        if self.drift_ppm:
            words.append(f"{self.drift_ppm:+g} ppm")
        return ", ".join(words)


class Path:
    """One direction of a network, for one call."""

    def __init__(self, network: Network, *, seed: int) -> None:
        self._network = network
        self._fate = random.Random(f"{seed} loss {network.loss} {network.burst}")
        self._delay = random.Random(f"{seed} delay")
        self._losing = False
        self._last_arrival = 0.0

    def loses(self) -> bool:
        """Whether the next packet never arrives."""
        network = self._network
        if network.burst > 1:
            recovery = 1 / network.burst
            failure = network.loss * recovery / (1 - network.loss)
            change = recovery if self._losing else failure
            self._losing ^= self._fate.random() < change
            return self._losing
        return self._fate.random() < network.loss

    def carry(self, sent_at: float) -> list[float]:
        """When a packet arrives: nothing if it is lost, two times if it is doubled."""
        network = self._network
        lost = self.loses()
        spread, overtaken, doubled = (self._delay.random() for _ in range(3))
        if lost:
            return []
        arrival = sent_at + BASE_S + spread * network.jitter_ms / 1000
        if overtaken < network.reorder:
            arrival = max(arrival, self._last_arrival) + _OVERTAKEN_S
        elif network.ordered:
            arrival = self._last_arrival = max(arrival, self._last_arrival)
        return [arrival, arrival + _DOUBLED_S] if doubled < network.duplicate else [arrival]
