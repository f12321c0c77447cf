"""Audio handed up to the agent, in account with the time that has passed.

speech ----(at most half a second ahead)---.
invention, for lost frames ----------------+--> on_pcm
silence, up to now and never beyond -------'

Now is told by the sender's clock, not ours: its crystal may be some hundred ppm off, and an hour
of speech is handed up as it was spoken, no sample more or less. How far ahead of our clock the
fastest packets are is taken every ten seconds, and the account turned back to where it was. A
clock that is wrong by more than that is not a crystal's, and meets the bounds.
"""

from collections.abc import Callable
from typing import Final

from rtp.comfort import ComfortNoise
from rtp.conceal import Concealment, Following
from rtp.fade import led_over
from rtp.format import Format
from rtp.stats import StreamStats

__all__ = ["Ledger"]

_EXCESS_S: Final = 0.5  # audio a peer may be ahead of the wall clock
_WINDOW_S: Final = 10.0  # long enough for packets that no jitter held up
_TURN_S: Final = 0.005  # within one window at most: 500 ppm, crystals stay below 200
_AHEAD_S: Final = 0.1  # that a sender of bursts may stay ahead
_LEAD_OVER_S: Final = 0.010  # from one codec to another
_CATCH_UP_S: Final = 2.0  # of silence at once; after a longer stall of our own the debt is forgiven


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
        self._concealer: Concealment = concealer
        self._next: Concealment | None = None  # of another codec, of which nothing came yet
        self._open(audio, concealer, now, ahead_s=0.0)

    def reformat(self, audio: Format, concealer: Concealment, now: float) -> None:
        """Go on with another codec, maybe of another sample rate; what is owed stays owed."""
        former, rate = self._concealer, self.rate
        self._open(audio, concealer, now, ahead_s=-self.owed(now) / self.rate)
        if rate == self.rate and not former.spent:
            # Until the other codec is heard, the sound of this one is what goes on.
            self._concealer, self._next = former, concealer

    def _open(self, audio: Format, concealer: Concealment, now: float, *, ahead_s: float) -> None:
        self.rate = audio.sample_rate
        self.frame = audio.samples
        self._silence = audio.silence
        self._excess = _EXCESS_S * self.rate
        self._origin = now
        self._position = int(ahead_s * self.rate)  # samples handed up since the origin
        self._concealer = concealer
        self._next = None
        self._noise: ComfortNoise | None = None
        self._remember = concealer.remember
        self._level: float | None = None  # samples the fastest packets were ahead at first
        self._lead = -self._excess  # and are in this window
        self._window_ends = now + _WINDOW_S

    def owed(self, now: float) -> float:
        """Samples by which what went up lags behind the wall clock; negative when ahead."""
        return (now - self._origin) * self.rate - self._position

    def speak(self, pcm: bytes, now: float) -> None:
        """Hand up a frame that came over the network, unless that is too far ahead of time."""
        position = self._position + (len(pcm) >> 1)
        lead = position - (now - self._origin) * self.rate
        if lead > self._excess:
            self._stats.excess += 1
            return
        self._lead = max(self._lead, lead)
        if now >= self._window_ends:
            self._turn(now)
        self._position = position
        self._remember(pcm)
        self.on_pcm(pcm)

    def forgo(self, samples: int, now: float) -> None:
        """Count a frame that came and that nobody wants to hear."""
        position = self._position + samples
        lead = position - (now - self._origin) * self.rate
        if lead > self._excess:
            return
        self._lead = max(self._lead, lead)
        if now >= self._window_ends:
            self._turn(now)
        self._position = position

    def recall(self, pcm: bytes) -> None:
        """What was said just before is known, though it was not handed up."""
        self._remember(pcm)

    def _turn(self, now: float) -> None:
        """Follow the sender's clock by what it gained or lost since it was first measured."""
        if self._level is None:
            self._level = min(max(self._lead, 0.0), _AHEAD_S * self.rate)
        gained_s = (self._lead - self._level) / self.rate
        self._origin -= min(_TURN_S, max(-_TURN_S, gained_s))
        self._lead = -self._excess
        self._window_ends = now + _WINDOW_S

    def _restart(self, now: float) -> None:
        """Measure the sender's clock anew: the account has been squared with silence."""
        self._level = None
        self._lead = -self._excess
        self._window_ends = now + _WINDOW_S

    def rejoin(self, pcm: bytes, now: float, *, after_loss: bool) -> None:
        """Hand up the first frame after others than its neighbour, blended where that clicks."""
        if self._next is not None:
            pcm = self._lead_over(pcm)
        elif after_loss or not self._concealer.spent:
            pcm = self._concealer.resume(pcm)
        self._concealer.settle()
        self._noise = None
        self.speak(pcm, now)

    def _lead_over(self, pcm: bytes) -> bytes:
        """The first frame of another codec, which takes a moment to find its voice."""
        if not self._concealer.spent:
            overlap = min(int(_LEAD_OVER_S * self.rate), len(pcm) >> 1)
            pcm = led_over(self._concealer.conceal(overlap), pcm)
        assert self._next is not None
        self._concealer, self._next = self._next, None
        return pcm

    def conceal(
        self, samples: int, frame: int, now: float, *, following: Following | None = None
    ) -> int:
        """Invent up to `samples`, handed up `frame` at a time; returns how many.

        Bounded as speech is. `following` is the packet right after them, None when that is not
        here.
        """
        missing = min(samples, int(self.owed(now) + self._excess))
        if missing <= 0:
            return 0
        adjoins = following if missing == samples else None
        invented = self._concealer.conceal(missing, adjoins)
        for start in range(0, len(invented), 2 * frame):
            self._hand_up(invented[start : start + 2 * frame])
            self._stats.concealed += 1
        return missing

    def fill(self, samples: int, now: float) -> None:
        """Hand up at most `samples` of silence, and never more than is owed."""
        silent = min(samples, int(self.owed(now)))
        if samples > 0:
            self._restart(now)
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
        self._restart(now)
        frames = int(owed) // self.frame
        for _ in range(frames):
            self._silent(self.frame)
        return frames * self.frame

    def forget(self) -> None:
        """What comes next has nothing to do with what was heard last."""
        self._concealer.reset()
        self._noise = None

    def hush(self, level: int | None) -> None:
        """The silence that comes next is the sender's own, with noise of `level` -dBov in it."""
        self._concealer.reset()
        if level is None:
            self._noise = None
        elif self._noise is None or self._noise.level != level:
            self._noise = ComfortNoise(self.rate, level)

    def _silent(self, samples: int) -> None:
        """Silence, reached by fading out of what was heard last."""
        self._stats.filled += 1
        if self._noise is not None:
            self._hand_up(self._noise.take(samples))
        elif not self._concealer.spent:
            self._hand_up(self._concealer.conceal(samples))
        elif samples == self.frame:
            self._hand_up(self._silence)
        else:
            self._hand_up(bytes(2 * samples))

    def _hand_up(self, pcm: bytes) -> None:
        self._position += len(pcm) >> 1
        self.on_pcm(pcm)
