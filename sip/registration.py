"""One trunk's registration as a state machine: when to try again, and what to tell (RFC 3261
section 10.2).

    UNREGISTERED ─> REGISTERING ─> REGISTERED ─────────────┐
                        │  ^            │ refresh failed,  │ binding ran out
                        v  │ retry      v                  v
                 REJECTED, UNREACHABLE <──────────────> EXPIRED

The stack refreshes bindings by itself; after a failure it does nothing more and this class
says when the next attempt is due.
"""

import random
from typing import Final

from sip.trunk import Registration, RegistrationState

__all__ = ["RegistrationMachine"]

FIRST_RETRY_S: Final = 2.0
LONGEST_RETRY_S: Final = 120.0
LONGEST_RETRY_AFTER_S: Final = 1800.0
"""A Retry-After beyond this is taken for this: a slip of the registrar is not to cost us days."""
BROKEN_INTERVAL_S: Final = 30.0
"""Between two attempts because of broken connections: which of them was ours is not known, and
strangers may open and close as many as they like."""
JITTER: Final = 0.25
"""A share of the delay, either way, so that many bridges do not return at once."""

State = RegistrationState


class RegistrationMachine:
    """State, expiry and retry of one registration; all times are loop seconds."""

    def __init__(self, trunk: str, *, registers: bool, rng: random.Random | None = None) -> None:
        self.trunk = trunk
        self.state = State.UNREGISTERED if registers else State.NONE
        self.code = 0
        self.reason = ""
        self.expires_at: float | None = None
        self.retry_at: float | None = None
        self._leaving = False
        self._broken_at = float("-inf")
        self._failures = 0
        self._rng = rng or random.Random()  # noqa: S311

    @property
    def due(self) -> float | None:
        """When ``tick`` next has something to say."""
        times = [self.retry_at] if self.retry_at is not None else []
        if self.state is State.REGISTERED and self.expires_at is not None:
            times.append(self.expires_at)
        return min(times, default=None)

    def started(self) -> None:
        """A REGISTER goes out."""
        self.retry_at = None
        if self.state is not State.REGISTERED:
            self.state = State.REGISTERING

    def accepted(self, expires_s: float, *, code: int, reason: str, now: float) -> None:
        """The registrar holds our binding for ``expires_s``."""
        self.state = State.REGISTERED
        self.code, self.reason = code, reason
        self.expires_at = now + expires_s
        self.retry_at = None
        self._failures = 0

    def leaves(self) -> None:
        """We ask the registrar to let go of our binding."""
        self._leaving = True

    def removed(self, *, code: int, now: float) -> None:
        """The registrar holds no binding of ours, as we asked; where we did not, we try again."""
        self.expires_at = self.retry_at = None
        if self._leaving:
            self.state = State.UNREGISTERED
        else:
            self.failed(code=code, reason="the registrar holds no binding", now=now)

    def failed(
        self, *, code: int, reason: str, now: float, retry_after_s: float | None = None
    ) -> None:
        """No binding came of it: a refusal, or no answer at all (``code`` 408, 503)."""
        lasting = code // 100 in (2, 4) and code not in (408, 423, 480)
        self.state = State.REJECTED if lasting else State.UNREACHABLE
        self.code, self.reason = code, reason
        delay = min(FIRST_RETRY_S * 2.0**self._failures, LONGEST_RETRY_S)
        delay *= 1 + self._rng.uniform(-JITTER, JITTER)
        self.retry_at = now + max(delay, min(retry_after_s or 0.0, LONGEST_RETRY_AFTER_S))
        self._failures += 1

    def broken(self, now: float) -> None:
        """The connection the binding may hang on was lost (RFC 5626): register again at once."""
        if self.state is State.REGISTERED and self.retry_at is None:
            soon = now + self._rng.uniform(0.1, 1.0)
            self.retry_at = max(soon, self._broken_at + BROKEN_INTERVAL_S)
            self._broken_at = self.retry_at

    def tick(self, now: float) -> bool:
        """True when it is time to send REGISTER; notices a binding that ran out."""
        lapsed = self.expires_at is not None and now >= self.expires_at
        if self.state is State.REGISTERED and lapsed:
            self.state = State.EXPIRED
            self.retry_at = now
        return self.retry_at is not None and now >= self.retry_at

    def registration(self, now: float) -> Registration:
        """The state as it stands at ``now``."""
        expires = None if self.expires_at is None else max(0.0, self.expires_at - now)
        retry = None if self.retry_at is None else max(0.0, self.retry_at - now)
        return Registration(
            trunk=self.trunk,
            state=self.state,
            code=self.code,
            reason=self.reason,
            expires_s=expires,
            retry_in_s=retry,
        )
