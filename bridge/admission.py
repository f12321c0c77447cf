"""Whether one more call would hurt those alive: judged by how the process fares. Sans I/O.

    OPEN ──── too busy, or late twice in a row ────> CLOSED
    CLOSED ── calm twice in a row ─────────────────> RETURNING
    RETURNING ── calm, and again, twice the calls each time ──> OPEN
    RETURNING ── too busy, or late twice in a row ─> CLOSED

Calls cost little each until a core is full, and then all of them suffer at once. How busy the
loop's thread is tells it beforehand; how late it is tells where somebody else takes the core.
"""

import logging
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Admission", "Reading", "State"]

log = logging.getLogger("bridge.admission")

FEW = 8
"""With fewer calls alive, what hurts is not the calls, and refusing one more helps nobody."""
CALL_COST = (0.001, 0.01)
"""Least and most of a core that a call is taken to cost, before it shows in a reading."""
CALM_LATE = 0.5
"""Of the limit of lateness, below which a reading is calm."""
CALM_BUSY = 0.85
"""Of the limit of busyness, below which it is."""
IN_A_ROW = 2
"""Readings: one that is late may be a stall that is over."""
FIRST = 2
"""Calls let in between two readings when they are let in again."""
ENOUGH = 32
"""Calls between two readings from which on they need not be counted."""


class State(StrEnum):
    """Whether calls are let in."""

    OPEN = "open"
    RETURNING = "returning"
    """A few at a time, for those that were refused all come back."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the process fared since the last one."""

    late_s: float
    """By which beats and loop came after their time, on average."""
    busy: float
    """Share of a core that the loop's thread used, 0 to 1."""
    calls: int
    """Alive."""


class Admission:
    """Takes readings, and says whether the next call is let in."""

    def __init__(self, *, max_late_s: float, max_busy: float) -> None:
        """A limit of 0 is none."""
        self.state = State.OPEN
        self.reason = ""
        """Why the next call is not let in; empty where it is."""
        self.closed = 0
        """Times that it had to close."""
        self.reading = Reading(late_s=0.0, busy=0.0, calls=0)
        """The last one."""
        self._max_late_s = max_late_s
        self._max_busy = max_busy
        self._late = 0  # readings in a row
        self._calm = 0
        self._begun = 0  # calls since the last reading
        self._allowed = 0  # calls between two readings, while returning

    def read(self, reading: Reading) -> None:
        """Judge by a new reading."""
        self.reading = reading
        self._begun = 0
        self._late = self._late + 1 if self._is_late(reading) else 0
        self._calm = self._calm + 1 if self._is_calm(reading) else 0
        why = self._why(reading)
        if why and reading.calls >= FEW:
            self._close(why)
            return
        match self.state:
            case State.OPEN:
                return
            case State.CLOSED if self._calm >= IN_A_ROW:
                self._allowed = FIRST
                self._enter(State.RETURNING)
            case State.RETURNING if self._calm:
                self._allowed *= 2
                if self._allowed > ENOUGH:
                    self._enter(State.OPEN)
        if self.state is not State.CLOSED:
            self.reason = ""

    def begun(self) -> None:
        """A call was let in, and will cost what does not show yet."""
        self._begun += 1
        if self.state is State.CLOSED:
            return
        if self.state is State.RETURNING and self._begun >= self._allowed:
            self.reason = f"after an overload {self._allowed} calls at a time are taken"
        calls, busy = self.reading.calls + self._begun, self._expected_busy()
        if self._max_busy and calls > FEW and busy > self._max_busy:
            self._close(f"{self._begun} calls that just began will use {busy:.0%} of a core")

    def _expected_busy(self) -> float:
        least, most = CALL_COST
        each = self.reading.busy / max(1, self.reading.calls)
        return self.reading.busy + self._begun * min(most, max(least, each))

    def _is_late(self, reading: Reading) -> bool:
        return bool(self._max_late_s) and reading.late_s > self._max_late_s

    def _is_calm(self, reading: Reading) -> bool:
        if reading.calls < FEW:
            return True
        calm_late = not self._max_late_s or reading.late_s < CALM_LATE * self._max_late_s
        return calm_late and (not self._max_busy or reading.busy < CALM_BUSY * self._max_busy)

    def _why(self, reading: Reading) -> str:
        """Why nobody is to be let in after this reading."""
        if self._max_busy and reading.busy > self._max_busy:
            return f"{reading.busy:.0%} of a core are used"
        if self._late >= IN_A_ROW:
            return f"audio is {1000 * reading.late_s:.1f} ms late on average"
        return ""

    def _close(self, why: str) -> None:
        self.reason = why
        self._calm = 0
        if self.state is not State.CLOSED:
            self.closed += 1
            self._enter(State.CLOSED)

    def _enter(self, state: State) -> None:
        self.state = state
        level = logging.WARNING if state is State.CLOSED else logging.INFO
        why = f": {self.reason}" if state is State.CLOSED else ""
        log.log(level, "= admission %s with %d calls%s", state, self.reading.calls, why)
