"""How many tools are in use, how many may be, and what became of those that were."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator

from bridge.tools.results import Kind

__all__ = ["Usage"]


class Usage:
    """Of all calls together. `observe` gets the seconds that each use took."""

    def __init__(
        self, *, max_running: int, max_per_call: int, observe: Callable[[float], None]
    ) -> None:
        self.max_running = max_running
        self.max_per_call = max_per_call
        self._observe = observe
        self.running = 0
        self.results: Counter[Kind] = Counter()
        """Uses that are over, by how they went."""

    def admits(self, of_call: int) -> bool:
        """Whether one more may begin, in a call that has `of_call` running."""
        return self.running < self.max_running and of_call < self.max_per_call

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """One is in use."""
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    def count(self, kind: Kind, seconds: float) -> None:
        """One is over."""
        self.results[kind] += 1
        self._observe(seconds)
