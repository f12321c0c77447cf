"""Digits that the caller presses, gathered until a pause and told to the agent as text."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.errors import NotNow

__all__ = ["CAPACITY", "DigitGatherer"]

CAPACITY = 64
"""Digits of one batch; more are told as the next."""


@dataclass(slots=True, kw_only=True)
class _Entry:
    """Digits that somebody waits for."""

    count: int
    end: str
    done: asyncio.Future[str]
    digits: str = field(default="", repr=False)

    def take(self, digit: str) -> None:
        """Take one; the entry is done with enough of them, or with the key that ends it."""
        if self.done.done():
            return
        if digit != self.end:
            self.digits += digit
        if digit == self.end or len(self.digits) >= self.count:
            self.done.set_result(self.digits)


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
        self._entry: _Entry | None = None
        self.pressed = 0
        """Digits taken, for the journal; which ones is nobody's business."""

    def press(self, digit: str, *, way: str) -> None:
        """Take one digit that came by `way` (rtp, info)."""
        if self._way is None:
            self._way = way
        if way != self._way:
            return
        self.pressed += 1
        self._take(digit)

    def _take(self, digit: str) -> None:
        if self._entry is not None and not self._entry.done.done():
            self._entry.take(digit)
            return
        self._digits += digit
        if self._timer is not None:
            self._timer.cancel()
        if len(self._digits) >= CAPACITY:
            self.flush()
        else:
            self._timer = self._loop.call_later(self._pause_s, self.flush)

    async def collect(self, count: int, *, end: str = "", timeout_s: float) -> str:
        """Wait for the next digits, which are not told then: what was typed ahead is among them.

        Ends with `count` digits, with the key `end` (left out of the result), or after `timeout_s`
        seconds with what there is. Raises NotNow where somebody waits already, or the call ends.
        """
        if self._entry is not None:
            raise NotNow("digits are being waited for already")
        done: asyncio.Future[str] = self._loop.create_future()
        entry = self._entry = _Entry(count=count, end=end, done=done)
        if self._timer is not None:
            self._timer.cancel()
        ahead, self._digits = self._digits, ""
        try:
            for digit in ahead:
                self._take(digit)
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(done)
        except TimeoutError:
            return entry.digits
        finally:
            done.cancel()
            self._entry = None

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
        if self._entry is not None and not self._entry.done.done():
            self._entry.done.set_exception(NotNow("the call is over"))
