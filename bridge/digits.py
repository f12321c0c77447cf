"""Digits that the caller presses, gathered until a pause and told to the agent as text."""

import asyncio
from collections.abc import Callable

__all__ = ["CAPACITY", "DigitGatherer"]

CAPACITY = 64
"""Digits of one batch; more are told as the next."""


class DigitGatherer:
    """Batches digits: `tell` gets them after `pause_s` without another, or when the batch is full.

    A phone may send each digit twice, as telephone-event and as SIP INFO. Whichever way a call's
    first digit came is the way that counts.
    """

    def __init__(self, *, pause_s: float, tell: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._pause_s = pause_s
        self._tell = tell
        self._way: str | None = None
        self._digits = ""
        self._timer: asyncio.TimerHandle | None = None
        self.pressed = 0
        """Digits taken, for the journal; which ones is nobody's business."""

    def press(self, digit: str, *, way: str) -> None:
        """Take one digit that came by `way` (rtp, info)."""
        if self._way is None:
            self._way = way
        if way != self._way:
            return
        self.pressed += 1
        self._digits += digit
        if self._timer is not None:
            self._timer.cancel()
        if len(self._digits) >= CAPACITY:
            self.flush()
        else:
            self._timer = self._loop.call_later(self._pause_s, self.flush)

    def flush(self) -> None:
        """Tell what has been gathered so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        digits, self._digits = self._digits, ""
        if digits:
            self._tell(digits)

    def close(self) -> None:
        """Forget what has not been told: the call is over."""
        self._digits = ""
        self.flush()
