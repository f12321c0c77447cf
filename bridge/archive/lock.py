"""Which of several processes has something to itself: the service, a `uvbridge call` beside it."""

import fcntl
import os
from pathlib import Path

__all__ = ["Lock"]


class Lock:
    """A lock file, held alone or with others. Blocking: not for the event loop.

    The kernel lets go of it when a process dies, whatever killed it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        """Hold it alone, if nobody else holds it; whether that is so now. Raises OSError."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Hold it with others, after `take`; waits for one that has it alone."""
        assert self._file is not None
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
