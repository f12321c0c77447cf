"""Whether a call that one trunk did not bring through is tried through the next."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.outcome import Cause, Outcome

__all__ = ["DEFAULT_CODES", "Attempt", "Failover", "check_codes"]

DEFAULT_CODES = ("408", "500-599")
"""The trunk failed, or did not answer in time. 6xx is final: nobody else reaches that person."""

_CODES = re.compile(r"([3-5]\d\d)(?:-([3-5]\d\d))?")
_OF_THE_CALLEE = frozenset({Cause.BUSY, Cause.DECLINED, Cause.UNKNOWN_NUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to bring a call through, over one trunk."""

    trunk: str
    to: str
    """As it was dialled."""
    outcome: Outcome | None
    """How it failed; None when it was answered."""
    seconds: float
    """How long it took until then."""
    sip_call_id: str = ""
    """Of its INVITE; empty where that got no answer."""


def check_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Return `codes` as they are. Raises ValueError where one is no status, or no range."""
    for code in codes:
        if _CODES.fullmatch(code) is None:
            raise ValueError(f"{code} should be a status from 300 to 599, or a range as 500-599")
    return codes


class Failover:
    """Decides by the status, or the lack of one. Sans I/O."""

    def __init__(self, codes: Iterable[str] = DEFAULT_CODES) -> None:
        """`codes` are as `check_codes` let them pass."""
        self._codes: set[int] = set()
        for code in codes:
            found = _CODES.fullmatch(code)
            assert found is not None
            first, last = int(found[1]), int(found[2] or found[1])
            self._codes.update(range(first, last + 1))

    def goes_on(self, outcome: Outcome, *, rang: bool) -> bool:
        """Whether the next trunk is tried after one that ended so.

        A phone that `rang` was found: whatever came then, ringing it again would be a nuisance. A
        gateway's 5xx that says in its Reason that the callee is busy, is the callee's answer too.
        """
        if rang:
            return False
        if outcome.cause in (Cause.UNREACHABLE, Cause.FULL):
            return True
        if outcome.cause in _OF_THE_CALLEE and outcome.sip_code >= 500:
            return False
        return outcome.sip_code in self._codes
