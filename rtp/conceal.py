"""Fill lost speech from what is around it: pitch periods repeated from both sides, cross-faded.

    past ------------.                              .----------- following
                     |  last period, repeated  -->  |
                     |                              |
    ... x x x x x x x|y y y y y y y y y y y y y y y |z z z z ...
                     |                              |
                     |  <--  first period, repeated |
                     ^ step levelled  step levelled ^

A packet in order goes straight up, but a loss is only known when a later packet is there: its
audio is in hand when the frames before it are invented, and joins them without a seam. While
nothing has followed yet, the last period is repeated alone and faded out; the first good frame
is then blended in.

The repetition is that of ITU-T G.711 Appendix I, without its 3.75 ms of delay: what has gone up
stays as it was, and the step at the seam is levelled instead. Three choices differ from it because
PESQ and segmental SNR on recorded speech, 3 % of frames lost, preferred them: the period is
sought with the last 5 ms instead of 20, down to 2.5 ms instead of 5, and one period is repeated
throughout instead of two or three after 10 ms. On the same lost packets (`make impair`, 3 %,
PESQ): silence 3.04, repetition from one side 3.53, from both 3.87.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Concealer", "Concealment", "Following"]

Samples = npt.NDArray[np.float64]

_MIN_PERIOD_S = 0.0025  # 400 Hz
_MAX_PERIOD_S = 0.015  # 66 Hz
_WINDOW_S = 0.005  # compared to find the period
_HISTORY_FRAMES = 2  # the period and its window fit into two of the shortest frames, 10 ms
_UNVOICED = 0.5  # share of its loudness that speech without a period keeps
_FULL_S = 0.010  # before the fade begins
_FADED_S = 0.060  # silence from here on, when nothing follows
_FADED_BETWEEN_S = 0.120  # and when speech is known to go on at the other end
_OVERLAP_S = 0.004  # with the first good frame after a loss of up to 10 ms
_OVERLAP_MAX_S = 0.010


class Following:
    """The packet right after lost frames. Decoded when its PCM is first asked for, and only once.

    A decoder with concealment of its own has to hear of the loss before it hears the packet.
    """

    __slots__ = ("_decode", "_pcm", "payload")

    def __init__(self, payload: bytes, decode: Callable[[bytes], bytes]) -> None:
        self.payload = payload
        self._decode = decode
        self._pcm: bytes | None = None

    @property
    def pcm(self) -> bytes:
        """Its audio, s16le; empty when unusable."""
        if self._pcm is None:
            self._pcm = self._decode(self.payload)
        return self._pcm


class Concealment(Protocol):
    """What invents the lost frames of one stream."""

    def remember(self, pcm: bytes, /) -> None:
        """Take note of a good frame that goes up."""

    @property
    def spent(self) -> bool:
        """Whether invention has nothing more to give than digital silence."""

    def reset(self) -> None:
        """Forget the past: what comes next has nothing to do with it."""

    def settle(self) -> None:
        """The last frame is a good one: the next loss is another."""

    def conceal(self, samples: int, following: Following | None = None) -> bytes:
        """The next `samples` of s16le PCM in place of lost ones, right before `following`."""

    def resume(self, pcm: bytes) -> bytes:
        """The first good frame after invented ones, joined to them."""


class Concealer:
    """Conceals from the waveform alone, whatever the codec. Costs nothing while nothing is lost."""

    def __init__(self, sample_rate: int, *, past_only: bool = False) -> None:
        """With `past_only`, what follows a gap is not looked at before it is blended in."""
        self._rate = sample_rate
        self._past_only = past_only
        self._needed = int(_MAX_PERIOD_S * sample_rate) + int(_WINDOW_S * sample_rate)
        self._synthetic: Samples | None = None
        self._used = 0  # samples of it handed out
        self.history: deque[bytes] = deque(maxlen=_HISTORY_FRAMES)
        """The last frames of PCM."""
        self.remember = self.history.append

    @property
    def spent(self) -> bool:
        """Whether invention has faded to silence, or has nothing to start from."""
        if self._synthetic is None:
            return not self.history
        return self._used >= len(self._synthetic)

    def reset(self) -> None:
        """Forget the past: what comes next has nothing to do with it."""
        self._synthetic = None
        self.history.clear()

    def settle(self) -> None:
        """The last frame is a good one: the next loss is another."""
        self._synthetic = None

    def conceal(self, samples: int, following: Following | None = None) -> bytes:
        """The next `samples` of s16le PCM in place of lost ones, right before `following`.

        They end as that begins, where it is long enough: then `resume` has nothing to blend.
        """
        after = b"" if following is None or self._past_only else following.pcm
        if len(after) < 2 * self._needed:
            pcm = _to_pcm(self._go_on(samples))
        else:
            pcm = _to_pcm(self._join(samples, _from_pcm(after)))
        self.history.append(pcm)
        return pcm

    def resume(self, pcm: bytes) -> bytes:
        """The first good frame after invented ones, blended into them."""
        if self._synthetic is None:
            return pcm
        beyond_first = max(0.0, self._used / self._rate - _FULL_S)
        overlap_s = min(_OVERLAP_MAX_S, _OVERLAP_S + 0.4 * beyond_first)
        overlap = min(int(overlap_s * self._rate), len(pcm) // 2)
        tail = self._take(overlap)
        head = _from_pcm(pcm[: 2 * overlap])
        ramp = np.arange(1, overlap + 1) / (overlap + 1)
        return _to_pcm(tail * (1 - ramp) + head * ramp) + pcm[overlap * 2 :]

    def _go_on(self, samples: int) -> Samples:
        """The past repeated, from where the last call ended, and fading out."""
        if self._synthetic is None:
            self._synthetic = self._repeat(self._past(), int(_FADED_S * self._rate))
            self._used = 0
        return self._take(samples)

    def _join(self, samples: int, following: Samples) -> Samples:
        """The past repeated, and what follows repeated backwards, the one faded into the other."""
        between = int(_FADED_BETWEEN_S * self._rate)
        if self._synthetic is None:
            self._synthetic = self._repeat(self._past(), between)
            self._used = 0
        forward = self._take(samples)
        self.settle()
        backward = _padded(self._repeat(following[::-1], between)[:samples], samples)[::-1]
        ramp = np.arange(1, samples + 1) / (samples + 1)
        return forward * (1 - ramp) + backward * ramp

    def _past(self) -> Samples:
        return _from_pcm(b"".join(self.history))

    def _take(self, samples: int) -> Samples:
        assert self._synthetic is not None
        taken = self._synthetic[self._used : self._used + samples]
        self._used += samples
        return _padded(taken, samples)

    def _repeat(self, past: Samples, samples: int) -> Samples:
        """What the past would sound like if it went on, faded to silence at `samples`."""
        if len(past) < self._needed:
            return np.zeros(0)
        period, likeness = self._period(past)
        quarter = period // 4
        ramp = np.linspace(0, 1, quarter)
        cycle = past[-period:].copy()
        before = past[len(past) - period - quarter : len(past) - period]
        cycle[-quarter:] = cycle[-quarter:] * (1 - ramp) + before * ramp  # ends as it begins
        going_on = cycle[np.arange(samples) % period]
        step = past[-1] - past[-period - 1]
        going_on[:quarter] += step * ramp[::-1]
        return going_on * self._fade(samples, max(_UNVOICED, likeness), quarter)

    def _period(self, past: Samples) -> tuple[int, float]:
        """The pitch period in samples, and how well the past repeats after it, up to 1."""
        shortest, longest = int(_MIN_PERIOD_S * self._rate), int(_MAX_PERIOD_S * self._rate)
        window = int(_WINDOW_S * self._rate)
        template = past[-window:]
        region = past[len(past) - window - longest : len(past) - shortest]
        products = np.correlate(region, template, "valid")
        energy = np.convolve(region**2, np.ones(window), "valid")
        likeness = products / np.sqrt((energy + 1.0) * (template @ template + 1.0))
        best = int(np.argmax(likeness))
        return longest - best, float(likeness[best])

    def _fade(self, samples: int, loudness: float, quarter: int) -> Samples:
        """From 1 to `loudness` within a quarter period, and to silence at `samples`."""
        at = np.arange(samples)
        settled = np.maximum(loudness, 1.0 - (1.0 - loudness) * at / quarter)
        full = int(_FULL_S * self._rate)
        faded = np.clip((samples - at) / (samples - full), 0.0, 1.0)
        return np.asarray(settled * faded)


def _padded(some: Samples, samples: int) -> Samples:
    """Silence put behind `some` where that is less than `samples`."""
    if len(some) == samples:
        return some
    padded = np.zeros(samples)
    padded[: len(some)] = some
    return padded


def _from_pcm(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def _to_pcm(samples: Samples) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
