"""A greeting that nobody cuts off: the agent hears silence while it begins to speak."""

from bridge.media.patchbay import Take

__all__ = ["GreetingGuard"]


class GreetingGuard:
    """Stands between the legs and an agent: silence until some seconds after `begin`.

    There is as much silence as there was audio, so that the agent's clock does not stop.
    """

    def __init__(self, take: Take, *, seconds: float, rate: int) -> None:
        """Hand audio of `rate` Hz on to `take`."""
        self._take = take
        self._left = 2 * int(seconds * rate)  # bytes to be silenced yet
        self._begun = False

    def begin(self) -> None:
        """The conversation begins: the seconds count from here."""
        self._begun = True

    def hear(self, pcm: bytes) -> None:
        """Take a frame of the caller's audio (s16le)."""
        if self._left > 0:
            pcm = bytes(len(pcm))
            if self._begun:
                self._left -= len(pcm)
        self._take(pcm)
