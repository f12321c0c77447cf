"""One thing the stand-in says: how much of it is due on the socket, how much was heard. Sans-I/O.

|----- played -----|------- sent, not played -------|------- to send -------|
                   ^ now - began                    ^ at most client buffer ahead of it
"""

BURST_S = 0.4
"""Most speech handed over in one tick of 20 ms: twenty times as fast as it is heard."""


class Utterance:
    """A text and its PCM on their way to a client that buffers `buffer_s` seconds."""

    def __init__(
        self,
        text: str,
        pcm: bytes,
        *,
        ordinal: int,
        sample_rate: int,
        buffer_s: float,
        interruptible: bool,
    ) -> None:
        self.text = text
        self.ordinal = ordinal
        self.interruptible = interruptible
        self._pcm = pcm
        self._bytes_per_s = 2 * sample_rate
        self._buffer_s = buffer_s
        self._began: float | None = None
        self._sent = 0
        self._told = 0

    @property
    def length_s(self) -> float:
        """Seconds of speech."""
        return len(self._pcm) / self._bytes_per_s

    @property
    def sent(self) -> bool:
        """All of it is on the socket."""
        return self._sent == len(self._pcm)

    def due(self, now: float) -> bytes:
        """The PCM to send now; never more than the client's buffer ahead of real time."""
        if self._began is None:
            self._began = now
        limit = (now - self._began + self._buffer_s) * self._bytes_per_s
        limit = min(limit, self._sent + BURST_S * self._bytes_per_s, len(self._pcm))
        start, self._sent = self._sent, max(self._sent, int(limit) & ~1)
        return self._pcm[start : self._sent]

    def played_s(self, now: float) -> float:
        """Seconds that a client without delay has played by now."""
        if self._began is None:
            return 0.0
        return min(now - self._began, self._sent / self._bytes_per_s)

    def played(self, now: float) -> bool:
        """All of it was heard."""
        return self.sent and self.played_s(now) >= self.length_s

    def words_due(self, now: float) -> str:
        """The words heard since this was last asked."""
        end = len(self.heard(now))
        start, self._told = self._told, max(self._told, end)
        return self.text[start : self._told]

    def heard(self, now: float) -> str:
        """The text up to the word being heard, its time taken as even over the letters."""
        if self.played(now):
            return self.text
        share = self.played_s(now) / self.length_s if self._pcm else 0.0
        position = int(share * len(self.text))
        return self.text[: self.text.rfind(" ", 0, position + 1) + 1]
