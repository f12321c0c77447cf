"""What `uvbridge check` found: one line each, and what they come to."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Level", "exit_status"]


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    MISTAKE = "mistake"
    """The configuration is wrong: nothing would run."""
    FAILURE = "failed"
    """The configuration is sound, and something it names does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    where: str
    """A key of the configuration, or a file and line."""
    message: str

    def __str__(self) -> str:
        return f"{self.level:<8} {self.where}: {self.message}"


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 2 where there is a mistake, else 1 where something failed, else 0."""
    levels = {finding.level for finding in findings}
    if Level.MISTAKE in levels:
        return 2
    return 1 if Level.FAILURE in levels else 0
