"""Packets back in order of sequence, each gap named once its wait is over.

    push --> in order? --yes--> straight on, nothing held
                 |
                 no --> held --> the missing one came, or the wait is over --> pop

A packet in order is never delayed. Only across a gap are later packets held, for as long as
reordering in this network has been seen to take, and never longer than the cap.
"""

from enum import Enum, auto
from typing import Final, Generic, TypeVar

from rtp.packet import sequence_distance

__all__ = ["JitterBuffer", "Placement"]

_FLOOR_S: Final = 0.010  # a swap of neighbours in the network's queues takes less than this
_MAX_JUMP: Final = 1000  # packets; further than this is another numbering, not loss or reorder
_MAX_MISSING: Final = 256  # sequence numbers remembered as given up on
_FORGET: Final = 0.9  # share of the learnt reach kept at each gap that nothing filled

T = TypeVar("T")


class Placement(Enum):
    """Where a packet falls against what has been released."""

    READY = auto()
    """Taken; `pop` says what can go now."""
    REORDERED = auto()
    """Taken, though one that follows it was there before."""
    LATE = auto()
    """Given up on before it came."""
    DUPLICATE = auto()
    FAR = auto()
    """More than 1000 packets away: the numbering itself has changed."""


class JitterBuffer(Generic[T]):
    """Holds packets across gaps in their sequence. Knows nothing of audio or timestamps."""

    __slots__ = (
        "_cap_s",
        "_capacity",
        "_cycles",
        "_held",
        "_missing",
        "_next",
        "_reach",
        "deadline",
    )

    def __init__(self, *, cap_s: float = 0.060, capacity: int = 64) -> None:
        self._cap_s = cap_s
        self._capacity = capacity
        self._reach = 0.0  # s, how long after a gap its packet has been seen to come
        self.restart(0)

    deadline: float | None
    """When `pop` will give up on the present gap; None while there is none."""

    def restart(self, sequence: int) -> None:
        """Expect `sequence` next, and forget what was held."""
        self._next = sequence
        self._cycles = 0
        self._held: dict[int, tuple[float, float, T]] = {}  # arrival, end of the wait, packet
        self._missing: dict[int, float] = {}  # when each given-up packet was first missed
        self.deadline = None

    @property
    def highest(self) -> int:
        """Highest sequence number released, extended by its wraps (RFC 3550 appendix A.1)."""
        return self._cycles + self._next - 1

    @property
    def straight(self) -> int:
        """The sequence number that need not be pushed, for nothing is held; else -1."""
        return -1 if self._held else self._next

    def passed(self, sequence: int) -> None:
        """Packets have gone straight on, as far as the one before `sequence`."""
        if sequence < self._next:
            self._cycles += 0x10000
        self._next = sequence

    def push(
        self,
        sequence: int,
        packet: T,
        now: float,
        *,
        jitter_s: float,
        longest_s: float = float("inf"),
    ) -> Placement:
        """Take a packet out of order, to wait at most `longest_s` for what precedes it."""
        ahead = sequence_distance(sequence, self._next)
        if abs(ahead) > _MAX_JUMP:
            return Placement.FAR
        if ahead < 0:
            return self._belated(sequence, now)
        if sequence in self._held:
            return Placement.DUPLICATE
        if ahead == 0 and self._held:
            self._learn(now - self._held[self._first()][0])
        reordered = any(sequence_distance(sequence, other) < 0 for other in self._held)
        self._held[sequence] = (now, now + min(longest_s, self._wait(jitter_s)), packet)
        self._rearm()
        return Placement.REORDERED if reordered else Placement.READY

    def pop(self, now: float) -> tuple[int, T] | None:
        """The next packet whose turn has come, and how many before it are given up as lost."""
        if not self._held:
            return None
        first = self._first()
        arrival, due, packet = self._held[first]
        lost = sequence_distance(first, self._next)
        if lost and now < due and len(self._held) < self._capacity:
            return None
        if lost:
            self._give_up(lost, arrival)
        del self._held[first]
        self._advance()
        self._rearm()
        return lost, packet

    def _advance(self) -> None:
        self._next = (self._next + 1) & 0xFFFF
        if not self._next:
            self._cycles += 0x10000

    def _first(self) -> int:
        return min(self._held, key=lambda sequence: sequence_distance(sequence, self._next))

    def _rearm(self) -> None:
        if not self._held or self._next in self._held:
            self.deadline = None
            return
        self.deadline = self._held[self._first()][1]

    def _wait(self, jitter_s: float) -> float:
        return min(self._cap_s, max(_FLOOR_S, 2 * jitter_s, 1.25 * self._reach))

    def _learn(self, tardiness: float) -> None:
        self._reach = max(self._reach, min(tardiness, self._cap_s))

    def _give_up(self, lost: int, missed_at: float) -> None:
        self._reach *= _FORGET
        for _ in range(lost):
            self._missing[self._next] = missed_at
            self._advance()
        while len(self._missing) > _MAX_MISSING:
            del self._missing[next(iter(self._missing))]

    def _belated(self, sequence: int, now: float) -> Placement:
        missed_at = self._missing.pop(sequence, None)
        if missed_at is None:
            return Placement.DUPLICATE
        self._learn(now - missed_at)
        return Placement.LATE
