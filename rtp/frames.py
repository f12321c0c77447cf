r"""Speech as it is sent: queued, let out a frame at a time, cut off and changed without a click.

push --> playout --> creep: longer, shorter --> seam: fades --> frame
cut  -------^------------------------------------^
"""

from collections.abc import Iterator
from typing import Final

from rtp.codec import peak
from rtp.creep import QUIET, Creep
from rtp.format import Format
from rtp.pacer import Pacer
from rtp.playout import Playout
from rtp.resample import Resampler
from rtp.seam import Seam
from rtp.stats import StreamStats

__all__ = ["Frames"]

_CAPACITY_S: Final = 32.0  # Ultravox is told 30 s and may count a little differently


class Frames:
    """Gives out the speech of a playout queue in frames of the present format."""

    def __init__(
        self, audio: Format, playout: Playout, pacer: Pacer, *, stats: StreamStats
    ) -> None:
        self._playout = playout
        self._stats = stats
        self._rate = audio.sample_rate
        self.seam = Seam(audio.sample_rate)
        """What the next frame needs lest it clicks."""
        self._open(audio, pacer)

    def reformat(self, audio: Format, pacer: Pacer) -> None:
        """Go on in another format, in the slots of another pacer; what is queued stays queued."""
        former, queued = self._rate, b""
        if audio.sample_rate != former:
            self._rate = audio.sample_rate
            self.seam = Seam(audio.sample_rate)
            queued = self._playout.pull(self._playout.depth)
        self._open(audio, pacer)
        if queued:
            self._playout.push(Resampler(former, self._rate).convert(queued))

    def _open(self, audio: Format, pacer: Pacer) -> None:
        self._size = audio.frame_bytes
        self._bytes_per_s = 2 * audio.sample_rate
        self._playout.resize(int(_CAPACITY_S * self._bytes_per_s))
        self._creep = Creep(audio, self._playout, pacer, stats=self._stats)

    @property
    def depth_s(self) -> float:
        """Seconds of speech queued."""
        return self._playout.depth / self._bytes_per_s

    @property
    def waiting(self) -> float:
        """Frames queued; one that is not whole counts by its part."""
        return self._playout.depth / self._size

    def push(self, pcm: bytes) -> bool:
        """Queue speech, in place of the oldest where there is no room; whether a frame is there."""
        dropped = self._playout.push(pcm)
        if dropped:
            self._stats.overflow += dropped // 2
        return self._playout.depth >= self._size

    def cut(self) -> None:
        """Speech ends here; what would have come next fades out in the next frame."""
        self.seam.cut(self._playout.pull(self.seam.tail_bytes))

    def begin(self) -> None:
        """A talkspurt begins."""
        self.seam.begin()
        self._creep.begin()

    def stall(self, slots: int) -> None:
        """So many slots were left out."""
        self._creep.stall(slots)

    def take(self, now: float) -> bytes:
        """The next frame, to be heard; padded with silence where the queue ends within it."""
        size = self._size
        pcm = self._creep.frame(now)
        self._stats.heard += len(pcm) / self._bytes_per_s
        if len(pcm) < size:
            pcm += bytes(size - len(pcm))
        return self.seam.frame(pcm)

    def drop(self, now: float, *, begins: bool) -> None:
        """Let the next frame, maybe the first of a talkspurt, pass unheard."""
        if begins:
            self.begin()
        self._creep.frame(now)

    def silence(self) -> bytes:
        """A frame of silence, with the end of what was cut off in it."""
        return self.seam.over(bytes(self._size))

    def rest(self) -> Iterator[bytes]:
        """All frames there are, the quiet ones left out; the last one padded with silence."""
        while self._playout.depth or self.seam.open:
            pcm = self._playout.pull(self._size)
            if not self.seam.open and peak(pcm) < QUIET:
                self._stats.shed += 1
                continue
            pcm += bytes(self._size - len(pcm))
            yield self.seam.over(pcm) if self.seam.open else pcm
