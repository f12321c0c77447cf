"""When a delivery is tried again, and when no more. Sans-I/O: answer and time in, verdict out."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

__all__ = ["Answer", "Backoff", "Fate", "Verdict"]

_MAX_DOUBLINGS = 30


class Fate(StrEnum):
    """What becomes of a letter after a try."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It is tried again."""
    DEAD = "dead"
    """It is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver said to a try."""

    status: int | None
    """HTTP status; None where nothing came."""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A fate, and when to try again, by the clock that letters wait by."""

    fate: Fate
    due: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits twice as long after each failure, by chance up to half less, until the deadline.

    Any answer but 2xx is a failure, 410 (Gone) the last one. The very last try is at the deadline.
    """

    first_s: float = 1.0
    longest_s: float = 600.0
    give_up_s: float = 86_400.0
    """Age of a letter at which it is given up."""

    def judge(
        self, answer: Answer, *, tries: int, written: float, now: float, chance: float
    ) -> Verdict:
        """What to do after a try.

        `tries` are those before it; `chance`, from 0 to 1, spreads what failed together.
        """
        if answer.status is not None and 200 <= answer.status < 300:
            return Verdict(fate=Fate.DELIVERED)
        deadline = written + self.give_up_s
        if now >= deadline or answer.status == HTTPStatus.GONE:
            return Verdict(fate=Fate.DEAD)
        wait = min(self.longest_s, self.first_s * 2.0 ** min(tries, _MAX_DOUBLINGS))
        wait *= 1 - chance / 2
        if answer.retry_after_s is not None:
            wait = max(wait, answer.retry_after_s)
        return Verdict(fate=Fate.FAILED, due=min(now + wait, deadline))
