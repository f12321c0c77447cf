"""How often the log says the same thing: what others can cause without end must not fill it."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["LogLimit"]

INTERVAL_S: Final = 1.0
BURST: Final = 20
"""Warnings and errors of one kind within `INTERVAL_S`."""
INFO_BURST: Final = 200
"""Lines at INFO of one kind: calls that begin and end are told in full at any rate we can carry."""
CAPACITY: Final = 1024
"""Kinds remembered; the one heard of longest ago is forgotten first."""


@dataclass(slots=True)
class _Said:
    since: float
    count: int = 0
    held: int = 0


class LogLimit(logging.Filter):
    """Lets a record through unless too many of its kind came just now.

    A kind is a logger and the text before anything is filled in. How many were held back is told by
    the next that is let through. DEBUG is asked for, and not limited.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: OrderedDict[tuple[str, str], _Said] = OrderedDict()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it; its text is changed where others were held back before it."""
        if record.levelno < logging.INFO:
            return True
        burst = INFO_BURST if record.levelno < logging.WARNING else BURST
        with self._lock:
            said = self._of_kind((record.name, str(record.msg)))
            if said.count >= burst:
                said.held += 1
                return False
            said.count += 1
            held, said.held = said.held, 0
        if held:
            record.msg, record.args = f"{record.getMessage()} ({held} more like it before)", None
        return True

    def _of_kind(self, kind: tuple[str, str]) -> _Said:
        now = self._clock()
        said = self._said.setdefault(kind, _Said(since=now))
        self._said.move_to_end(kind)
        if len(self._said) > CAPACITY:
            self._said.popitem(last=False)
        if now - said.since >= INTERVAL_S:
            said.since, said.count = now, 0
        return said
