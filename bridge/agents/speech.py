"""What an agent says, on its way to those who hear it: held back while nobody can."""

from typing import Final

from bridge.media.patchbay import Take

__all__ = ["HELD_S", "Speech"]

HELD_S: Final = 60.0
"""Speech held while nobody can hear it yet; what comes after that is dropped."""


class Speech:
    """Held back from the start until `begin`, and again from `wait` on."""

    def __init__(self, rate: int) -> None:
        """`rate` in Hz, of s16le."""
        self._bytes_per_s = 2 * rate
        self._take: Take = _nobody
        self._held: list[bytes] | None = []
        self._held_bytes = 0

    def feed(self, take: Take | None) -> None:
        """Give it to `take` from now on."""
        self._take = take or _nobody

    def say(self, pcm: bytes) -> None:
        """Take a piece: the downlink's beginning."""
        if self._held is None:
            self._take(pcm)
        elif self._held_bytes < HELD_S * self._bytes_per_s:
            self._held.append(pcm)
            self._held_bytes += len(pcm)

    @property
    def begun(self) -> bool:
        """Whether it is played, and not held back."""
        return self._held is None

    @property
    def held_s(self) -> float:
        """Seconds that are held back."""
        return self._held_bytes / self._bytes_per_s

    def begin(self) -> None:
        """Somebody listens now: play what is held back, and all that follows."""
        held, self._held, self._held_bytes = self._held, None, 0
        for pcm in held or ():
            self._take(pcm)

    def wait(self) -> None:
        """Hold back what comes from now on, until `begin`."""
        if self._held is None:
            self._held = []

    def drop(self) -> None:
        """Forget what is held back; what comes next still is."""
        if self._held is not None:
            self._held.clear()
            self._held_bytes = 0


def _nobody(_: bytes) -> None:
    """Where speech goes that nobody listens to."""
