"""How long recordings are kept: by age, and by what they take up together.

Folders of a hundred thousand files are looked through and cleared in steps: whoever takes them
writes recordings in between, and the event loop gets Python's lock.
"""

import os
from collections import defaultdict
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

from bridge.recording.files import FORMATS

__all__ = ["Sweep"]

DAY_S: Final = 86_400.0
FRESH_S: Final = 120.0
"""A file written to so lately may still grow, and stays."""
MEGABYTE: Final = 1_000_000
STEP: Final = 100
"""Files that are looked at in one step: about a millisecond."""

_Found = tuple[float, int, str]
"""When a file was written last (seconds since the epoch), its bytes, its path."""


class Sweep:
    """Removes recordings below a folder that are too old, then the oldest until the rest fits.

    Other files than recordings stay, and so does what may still be written. A limit of 0 is none.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: float,
        keep_days: float,
        keep_mb: float,
        spared: Container[str] = frozenset(),
    ) -> None:
        """`now` is wall-clock time; `spared` are paths of recordings that go on."""
        self.gone = 0
        """Recordings removed so far."""
        self.refusal: OSError | None = None
        """Why something could not be looked at or removed: the first reason; the rest goes on."""
        self._folder = str(folder)
        self._now = now
        self._keep_s = keep_days * DAY_S
        self._keep_bytes = keep_mb * MEGABYTE
        self._spared = spared
        self._total = 0
        # By day: all in one list, the sorting of it would be a step that holds everybody up.
        self._found: defaultdict[int, list[_Found]] = defaultdict(list)
        self._looked = 0
        self._work = self._all()

    def step(self) -> bool:
        """Do some of the work; whether there is more."""
        return next(self._work, False)

    def _all(self) -> Iterator[bool]:
        yield from self._look()
        for day in sorted(self._found):
            yield from self._remove_of(sorted(self._found[day]))

    def _look(self) -> Iterator[bool]:
        """Find all recordings, folder after folder."""
        folders = [self._folder]
        while folders:
            try:
                with os.scandir(folders.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        else:
                            self._note(entry)
                        if self._pauses():
                            yield True
            except FileNotFoundError:  # somebody else removes as well
                continue
            except OSError as error:
                self._refused(error)

    def _note(self, entry: "os.DirEntry[str]") -> None:
        suffix = entry.name.rpartition(".")[2]
        if suffix not in FORMATS or not entry.is_file():
            return
        try:
            stat = entry.stat()
        except FileNotFoundError:
            return
        self._total += stat.st_size
        self._found[int(stat.st_mtime // DAY_S)].append((stat.st_mtime, stat.st_size, entry.path))

    def _remove_of(self, found: list[_Found]) -> Iterator[bool]:
        """Remove what has to go of one day's recordings, which are in order."""
        for written, size, path in found:
            old = self._keep_s > 0 and self._now - written > self._keep_s
            many = self._keep_bytes > 0 and self._total > self._keep_bytes
            # A clock that was set back leaves files of the future, which nobody writes either.
            grows = abs(self._now - written) < FRESH_S or path in self._spared
            if (old or many) and not grows:
                self._remove(path, size)
            if self._pauses():
                yield True

    def _remove(self, path: str, size: int) -> None:
        try:
            Path(path).unlink()
        except FileNotFoundError:
            self._total -= size
            return
        except OSError as error:
            self._refused(error)
            return
        self._total -= size
        self.gone += 1
        self._remove_if_empty(Path(path).parent)

    def _remove_if_empty(self, folder: Path) -> None:
        if str(folder) == self._folder:
            return
        try:
            if not any(folder.iterdir()):
                folder.rmdir()
        except OSError as error:
            self._refused(error)

    def _refused(self, error: OSError) -> None:
        if self.refusal is None:
            self.refusal = error

    def _pauses(self) -> bool:
        """Whether it is time to let others go on."""
        self._looked += 1
        return self._looked % STEP == 0
