"""Digits that the caller presses, gathered until a pause and told to the agent as text."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
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
        self._diversion: Callable[[str], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._entry: _Entry | None = None
        self.pressed = 0
        """Digits taken, for the journal; which ones is nobody's business."""

    def press(self, digit: str, *, way: str) -> bool:
        """Take one digit that came by `way` (rtp, info); whether it is for all who listen.

        One that came the other way before is not, nor one that somebody waits for.
        """
        if self._way is None:
            self._way = way
        if way != self._way:
            return False
        self.pressed += 1
        if self._diversion is not None:
            self._diversion(digit)
            return False
        self._gather(digit)
        return True

    def _gather(self, digit: str) -> None:
        """Put a digit with those that are to be told."""
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
        done: asyncio.Future[str] = self._loop.create_future()
        entry = _Entry(count=count, end=end, done=done)

        def take(digit: str) -> None:
            if done.done():
                self._gather(digit)
            else:
                entry.take(digit)

        try:
            with self.diverted(take):
                self._entry = entry
                async with asyncio.timeout(timeout_s):
                    return await asyncio.shield(done)
        except TimeoutError:
            return entry.digits
        finally:
            done.cancel()
            if self._entry is entry:
                self._entry = None

    @contextlib.contextmanager
    def diverted(self, take: Callable[[str], None]) -> Iterator[None]:
        """Within this, each digit goes to `take` at once, and none is told.

        Those that wait to be told are the first. Raises NotNow where somebody else takes them.
        """
        if self._diversion is not None:
            raise NotNow("digits are being waited for already")
        self._diversion = take
        ahead, self._digits = self._digits, ""
        self.flush()
        try:
            for digit in ahead:
                take(digit)
            yield
        finally:
            self._diversion = None

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
        self._tell = _nobody
        if self._entry is not None and not self._entry.done.done():
            self._entry.done.set_exception(NotNow("the call is over"))


def _nobody(_: str) -> None:
    """Who is told of digits after the call."""
