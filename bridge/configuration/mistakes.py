"""What is wrong with a configuration, said so that a person can mend it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ConfigError", "Mistake", "nearest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing to mend; also used for warnings. Never holds a value that could be secret."""

    path: str
    """Where, as keys joined by dots, list items counted from 1; empty for the file itself."""
    message: str
    nearest: str | None = None
    """The right word most like the wrong one."""
    line: int | None = None
    """Line in the file, counted from 1."""

    @property
    def advice(self) -> str:
        """The message, with the right word where there is one."""
        if self.nearest is None:
            return self.message
        return f"{self.message}; did you mean {self.nearest}?"

    def __str__(self) -> str:
        return f"{self.path}: {self.advice}" if self.path else self.advice


class ConfigError(Exception):
    """The configuration is wrong; holds every mistake found in it."""

    def __init__(self, source: str, mistakes: Iterable[Mistake]) -> None:
        self.source = source
        """The file's name."""
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(place(source, mistake) for mistake in self.mistakes))


def place(source: str, mistake: Mistake) -> str:
    """Return the mistake as one line that begins with file and line, as compilers do."""
    where = source if mistake.line is None else f"{source}:{mistake.line}"
    return f"{where}: {mistake}"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the one of `words` most like `word`, whatever its case, or None when none is."""
    by_folded = {known.casefold(): known for known in words}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None
