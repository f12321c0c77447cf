"""Who else has the database open: the service, and a `uvbridge call` of its own beside it."""

import fcntl
import os
from pathlib import Path

__all__ = ["Lock"]


class Lock:
    """A lock file beside the database, held shared by every process that writes to it.

    The kernel lets go of it when a process dies, whatever killed it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        """Take the lock alone where nobody has it, else with the others; whether it is alone.

        Raises OSError.
        """
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.share()
            return False
        return True

    def share(self) -> None:
        """Let others take it as well; waits for one that has it alone."""
        assert self._file is not None
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
