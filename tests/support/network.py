"""A bad network in virtual time, the same one each time for the same seed."""

import random


class Link:
    """One direction of a path: loses, delays, reorders and doubles datagrams.

    Delay is `delay_ms` plus up to `jitter_ms`, evenly spread. Packets keep their order, as they do
    in a queue, except for the share `reorder`, which take 1.5 frames of 20 ms longer than that.
    """

    def __init__(
        self,
        *,
        seed: int,
        loss: float = 0.0,
        delay_ms: float = 0.0,
        jitter_ms: float = 0.0,
        reorder: float = 0.0,
        duplicate: float = 0.0,
    ) -> None:
        print(f"Link(seed={seed})")  # shown when the test fails
        self._random = random.Random(seed)
        self._loss = loss
        self._delay_s = delay_ms / 1000
        self._jitter_s = jitter_ms / 1000
        self._reorder = reorder
        self._duplicate = duplicate
        self._last_arrival = 0.0
        self.lost = 0
        self.doubled = 0

    def carry(self, now: float) -> list[float]:
        """When a datagram sent now arrives: nothing if lost, two times if doubled."""
        if self._random.random() < self._loss:
            self.lost += 1
            return []
        arrival = now + self._delay_s + self._random.random() * self._jitter_s
        if self._random.random() < self._reorder:
            return [arrival + 0.030]
        arrival = max(arrival, self._last_arrival)
        self._last_arrival = arrival
        if self._random.random() < self._duplicate:
            self.doubled += 1
            return [arrival, arrival + 0.001]
        return [arrival]
