"""The log's way out: a thread of its own, because whoever reads it may stall and audio may not."""

import contextlib
import logging
import queue
import threading
import time
from typing import TextIO

__all__ = ["QueuedHandler"]

CAPACITY = 20_000
"""Lines that may wait for a stalled reader before further ones are dropped."""
FLUSH_S = 2.0
"""How long the exit waits for the reader."""
_BATCH = 200
"""Lines written at once."""


class QueuedHandler(logging.Handler):
    """Formats each record at once and has a thread write it; what does not fit is counted.

    How many lines were lost is told in the log itself as soon as it moves again.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lost = 0
        """Lines dropped so far."""
        self._told = 0
        self._stream = stream
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._written = 0
        self._queued = 0
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record's line; never waits."""
        if self._queued - self._written >= CAPACITY:
            self.lost += 1
            return
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self._queued += 1
        self._lines.put(line + "\n")

    def flush(self) -> None:
        """Wait until all lines are written, for some seconds at most."""
        end = time.monotonic() + FLUSH_S
        while self._written < self._queued and time.monotonic() < end:
            time.sleep(0.002)

    def _work(self) -> None:
        while True:
            lines = [self._lines.get()]
            with contextlib.suppress(queue.Empty):
                while len(lines) < _BATCH:
                    lines.append(self._lines.get_nowait())
            count = len(lines)
            if (lost := self.lost) != self._told:
                lines.append(f"% {lost - self._told} lines of the log were lost before this one\n")
                self._told = lost
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                self._stream.write("".join(lines))
                self._stream.flush()
            self._written += count
