"""A queue of speech that is fed in real time: what creeps into it, and how it is let out again.

Each moment the feed was late, each slot we had to skip, and a feed whose clock is faster than ours,
leave frames of delay in the queue, which nothing but leaving audio out takes away again. A slower
feed comes later at each beat, until one has nothing to send: a frame spread over the beats before
that keeps the sound whole.
"""

from typing import Final

from rtp.codec import peak
from rtp.format import Format
from rtp.pacer import Pacer
from rtp.playout import Playout
from rtp.stats import StreamStats
from rtp.stretch import stretched

__all__ = ["QUIET", "Creep"]

QUIET: Final = 200
"""Peak of a frame nobody misses: -44 dBFS."""
_JUDGED_SLOTS: Final = 128  # a power of two; a talkspurt's queue stayed non-empty for so long
_CREEP_S: Final = 0.5  # a queue deeper than this is the agent's own lead, not creep
_STALL_SLOTS: Final = 16  # after a stall of ours, within which what it held up has come
_STRETCH: Final = 1 / 160  # of a frame: 2.7 cents of pitch over all, where 5 can be heard
_STRETCH_SLOTS: Final = 4  # of which one is stretched, twice as many where frames are long
_STEADY: Final = 3  # judgements in a row before speech that is not quiet is stretched
_DRY_S: Final = 0.002  # past its nominal time most beats show a feed that may run dry


class Creep:
    """Gives out the frames of a playout queue, a few of them a little longer or shorter."""

    def __init__(
        self, audio: Format, playout: Playout, pacer: Pacer, *, stats: StreamStats
    ) -> None:
        self._playout = playout
        self._pacer = pacer
        self._stats = stats
        self._samples = audio.samples
        self._frame_bytes = audio.frame_bytes
        self._frame_s = audio.frame_s
        self._bytes_per_s = 2 * audio.sample_rate
        self._stretch = max(1, round(audio.samples * _STRETCH))  # samples at once
        self._spacing = _STRETCH_SLOTS if audio.ptime <= 20 else _STRETCH_SLOTS // 2
        self._drift = 0  # samples of the queue to be left out or, below 0, to be put in
        self._steady = 0  # judgements in a row that found the queue as it was
        self._lowest = 0  # depth in bytes since the last judgement
        self._before = 0  # the same at the last one
        self._held = 0  # beats since then that waited for the feed, past their nominal time
        self._stalled_s = 0.0  # of slots that stalls of ours left out, while speech came
        self._stalled_at = 0  # slot of the last one

    def begin(self) -> None:
        """A talkspurt begins: what the queue holds is new."""
        self._lowest = self._before = self._held = 0
        self._drift = self._steady = 0
        # Speech that came meanwhile may only be read now.
        if self._pacer.slot - self._stalled_at > _STALL_SLOTS:
            self._stalled_s = 0.0

    def stall(self, slots: int) -> None:
        """So many slots were left out; what came meanwhile is no lead of the agent's."""
        self._stalled_s += slots * self._frame_s
        self._stalled_at = self._pacer.slot

    def frame(self, now: float) -> bytes:
        """The next frame; a shorter one, or an empty one, where the queue ends within it."""
        playout = self._playout
        size = self._frame_bytes
        pcm = self._follow(size) if self._drift else playout.pull(size)
        self._lowest = min(self._lowest, playout.depth)
        if self._pacer.lag(now) > _DRY_S:
            self._held += 1
        if not self._pacer.slot & (_JUDGED_SLOTS - 1):
            self._judge()
        return pcm

    def _judge(self) -> None:
        """Notice a queue that never empties, or is about to run dry."""
        before, lowest, self._lowest = self._before, self._lowest, self._playout.depth
        held, self._held = self._held, 0
        self._before = lowest
        whole = lowest // self._frame_bytes
        if whole:
            creep = lowest <= (_CREEP_S + self._stalled_s) * self._bytes_per_s
            self._drift = whole * self._samples if creep else 0
            # An agent that speaks ahead of time gains or loses more than any crystal does.
            steady = abs(lowest - before) < self._frame_bytes
            self._steady = self._steady + 1 if creep and steady else 0
        elif not self._drift and not lowest and held > _JUDGED_SLOTS // 2:
            self._drift = -self._samples

    def _follow(self, size: int) -> bytes:
        """The next frame, made of more or fewer samples; a quiet one is simply left out."""
        playout = self._playout
        pcm = playout.pull(size)
        if self._drift >= self._samples and peak(pcm) < QUIET:
            self._drift -= self._samples
            self._stats.shed += 1
            return playout.pull(size)
        if self._pacer.slot % self._spacing or len(pcm) < size:
            return pcm
        if self._drift > 0 and self._steady < _STEADY:
            return pcm
        step = min(self._stretch, abs(self._drift))
        if self._drift > 0:
            self._drift -= step
            pcm += playout.pull(2 * step)
        else:
            self._drift += step
            playout.put_back(pcm[-2 * step :])
            pcm = pcm[: -2 * step]
        self._stats.stretched += 1
        return stretched(pcm, self._samples)
