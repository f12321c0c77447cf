"""Audio handed up to the agent, in account with the time that has passed.

speech ----(at most half a second ahead)---.
invention, for lost frames ----------------+--> on_pcm
silence, up to now and never beyond -------'
"""

from collections.abc import Callable

from rtp.conceal import Concealment
from rtp.format import Format
from rtp.stats import StreamStats

__all__ = ["Ledger"]

_EXCESS_S = 0.5  # audio a peer may be ahead of the wall clock
_CATCH_UP_S = 2.0  # of silence at once; after a longer stall of our own the debt is forgiven


class Ledger:
    """Hands PCM up without a gap, and knows how far that is from one second per second."""

    def __init__(
        self,
        audio: Format,
        concealer: Concealment,
        *,
        on_pcm: Callable[[bytes], None],
        stats: StreamStats,
        now: float,
    ) -> None:
        self.on_pcm = on_pcm
        self._stats = stats
        self._open(audio, concealer, now, ahead_s=0.0)

    def reformat(self, audio: Format, concealer: Concealment, now: float) -> None:
        """Go on at another sample rate; what is owed stays owed."""
        self._open(audio, concealer, now, ahead_s=-self.owed(now) / self.rate)

    def _open(self, audio: Format, concealer: Concealment, now: float, *, ahead_s: float) -> None:
        self.rate = audio.sample_rate
        self.frame = audio.samples
        self._silence = audio.silence
        self._excess = _EXCESS_S * self.rate
        self._origin = now
        self._position = int(ahead_s * self.rate)  # samples handed up since the origin
        self._concealer = concealer
        self._remember = concealer.remember

    def owed(self, now: float) -> float:
        """Samples by which what went up lags behind the wall clock; negative when ahead."""
        return (now - self._origin) * self.rate - self._position

    def speak(self, pcm: bytes, now: float) -> None:
        """Hand up a frame that came over the network, unless that is too far ahead of time."""
        position = self._position + (len(pcm) >> 1)
        if position - (now - self._origin) * self.rate > self._excess:
            self._stats.excess += 1
            return
        self._position = position
        self._remember(pcm)
        self.on_pcm(pcm)

    def rejoin(self, pcm: bytes, now: float, *, after_loss: bool) -> None:
        """Hand up the first frame after others than its neighbour, blended where that clicks."""
        if after_loss or not self._concealer.spent:
            pcm = self._concealer.resume(pcm)
        self._concealer.settle()
        self.speak(pcm, now)

    def conceal(
        self, samples: int, frame: int, now: float, *, following: bytes | None = None
    ) -> int:
        """Invent up to `samples`, `frame` at a time; returns how many. Bounded as speech is.

        `following` is the payload of the packet right after them, None when that is not here.
        """
        missing = min(samples, int(self.owed(now) + self._excess))
        invented = 0
        while invented < missing:
            part = min(missing - invented, frame)
            last = invented + part == samples
            self._hand_up(self._concealer.conceal(part, following if last else None))
            self._stats.concealed += 1
            invented += part
        return invented

    def fill(self, samples: int, now: float) -> None:
        """Hand up at most `samples` of silence, and never more than is owed."""
        silent = min(samples, int(self.owed(now)))
        while silent > 0:
            part = min(silent, self.frame)
            self._silent(part)
            silent -= part

    def catch_up(self, now: float) -> int:
        """Hand up every whole frame of silence that is owed; returns how many samples."""
        owed = self.owed(now)
        if owed > _CATCH_UP_S * self.rate:
            self._origin = now - self._position / self.rate
            return 0
        frames = int(owed) // self.frame
        for _ in range(frames):
            self._silent(self.frame)
        return frames * self.frame

    def forget(self) -> None:
        """What comes next has nothing to do with what was heard last."""
        self._concealer.reset()

    def _silent(self, samples: int) -> None:
        """Silence, reached by fading out of what was heard last."""
        self._stats.filled += 1
        if not self._concealer.spent:
            self._hand_up(self._concealer.conceal(samples))
        elif samples == self.frame:
            self._hand_up(self._silence)
        else:
            self._hand_up(bytes(2 * samples))

    def _hand_up(self, pcm: bytes) -> None:
        self._position += len(pcm) >> 1
        self.on_pcm(pcm)
