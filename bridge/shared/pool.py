"""What this bridge has of a limit that it shares with others. Sans I/O."""

from collections.abc import Callable, Hashable, Set
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Kind", "Pool"]


class Kind(StrEnum):
    """Whose calls are counted together."""

    TRUNK = "trunk"
    AGENT = "agent"


@dataclass(slots=True, kw_only=True)
class Pool:
    """The places of one trunk or agent. Whoever was let in keeps its place while it is alive."""

    kind: Kind
    name: str
    limit: int
    """Over all bridges together."""
    alive: Callable[[], Set[Hashable]]
    """Whoever of ours is alive now, let in or not."""
    told: int = 0
    """How many are ours as the store knows."""
    _inside: set[Hashable] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def key(self) -> str:
        """Its name in the store."""
        return f"{self.kind}:{self.name}"

    @property
    def taken(self) -> int:
        """Places that are ours; those of whoever is gone are given back first."""
        self._inside &= self.alive()
        return len(self._inside)

    def enter(self, who: Hashable) -> int:
        """Give `who` a place, and return how many are ours with it."""
        taken = self.taken + (who not in self._inside)
        self._inside.add(who)
        return taken

    def leave(self, who: Hashable) -> None:
        """Take the place back: there was none."""
        self._inside.discard(who)
