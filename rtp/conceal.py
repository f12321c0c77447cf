"""Fill lost speech from what came before it: the last pitch periods, repeated and faded out.

    history ---------.                      .--- first good frame
                     |  repeat periods      |
    ... x x x x x x x|y y y y y y y y y y y |/ overlap
                     ^ step levelled        ^

The idea is that of ITU-T G.711 Appendix I (one period for 10 ms, then two, then three, fading
by a fifth each 10 ms after the first), without its 3.75 ms of delay: what has been sent up stays
as it was, and the step at the seam is levelled instead.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

__all__ = ["Concealer"]

Samples = npt.NDArray[np.float64]

_HISTORY_S = 0.050  # three of the longest periods and a quarter
_HISTORY_FRAMES = 6  # 60 ms of the shortest frames (10 ms)
_MIN_PERIOD_S = 0.005  # 200 Hz; a higher voice is repeated by two of its periods
_MAX_PERIOD_S = 0.015  # 66 Hz
_WINDOW_S = 0.020  # correlated to find the period
_STAGE_S = 0.010  # after each, one more period is repeated, up to three
_STAGES = 6
_FULL_S = 0.010  # before the fade begins
_FADED_S = 0.060  # silence from here on
_OVERLAP_S = 0.004  # with the first good frame after a loss of up to 10 ms
_OVERLAP_MAX_S = 0.010


class Concealer:
    """Invents lost frames of one stream. Costs nothing while nothing is lost."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._synthetic: Samples | None = None
        self._used = 0  # samples of it handed out
        self.history: deque[bytes] = deque(maxlen=_HISTORY_FRAMES)
        """The last frames of PCM; the owner appends each good one."""

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

    def conceal(self, samples: int) -> bytes:
        """The next `samples` of s16le PCM in place of lost ones."""
        if self._synthetic is None:
            self._synthetic = self._extrapolate()
            self._used = 0
        pcm = _to_pcm(self._take(samples))
        self.history.append(pcm)
        return pcm

    def resume(self, pcm: bytes) -> bytes:
        """The first good frame after invented ones, blended into them."""
        if self._synthetic is None:
            return pcm
        beyond_first = max(0.0, self._used / self._rate - _STAGE_S)
        overlap_s = min(_OVERLAP_MAX_S, _OVERLAP_S + 0.4 * beyond_first)
        overlap = min(int(overlap_s * self._rate), len(pcm) // 2)
        tail = self._take(overlap)
        head = np.frombuffer(pcm, "<i2", overlap).astype(np.float64)
        ramp = np.arange(1, overlap + 1) / (overlap + 1)
        return _to_pcm(tail * (1 - ramp) + head * ramp) + pcm[overlap * 2 :]

    def _take(self, samples: int) -> Samples:
        assert self._synthetic is not None
        taken = self._synthetic[self._used : self._used + samples]
        self._used += samples
        return np.pad(taken, (0, samples - len(taken)))

    def _extrapolate(self) -> Samples:
        """What the past would sound like if it went on, faded to silence."""
        past = np.frombuffer(b"".join(self.history), "<i2").astype(np.float64)
        needed = int(_HISTORY_S * self._rate)
        if len(past) < needed:
            return np.zeros(0)
        past = past[-needed:]
        period = self._period(past)
        quarter = period // 4
        going_on = self._repeat(past, period, quarter)
        step = past[-1] - past[-period - 1]
        going_on[:quarter] += step * np.linspace(1, 0, quarter)
        return going_on * self._fade(len(going_on))

    def _period(self, past: Samples) -> int:
        """The pitch period in samples: the lag at which the last 20 ms best match the past."""
        shortest, longest = int(_MIN_PERIOD_S * self._rate), int(_MAX_PERIOD_S * self._rate)
        window = int(_WINDOW_S * self._rate)
        template = past[-window:]
        region = past[len(past) - window - longest : len(past) - shortest]
        likeness = np.correlate(region, template, "valid")
        energy = np.convolve(region**2, np.ones(window), "valid")
        best = int(np.argmax(likeness / np.sqrt(energy + 1.0)))
        return longest - best

    def _repeat(self, past: Samples, period: int, quarter: int) -> Samples:
        """60 ms of repeated periods: one at first, then two, then three, in phase throughout."""
        stage = int(_STAGE_S * self._rate)
        ramp = np.linspace(0, 1, quarter)
        result = np.zeros(_STAGES * stage + quarter)
        for number in range(_STAGES):
            periods = min(number + 1, 3)
            start = number * stage
            indices = np.arange(start, start + stage + quarter) % (period * periods)
            piece = _cycle(past, period * periods, ramp)[indices]
            if number:
                piece[:quarter] = piece[:quarter] * ramp + result[start : start + quarter] * (
                    1 - ramp
                )
            result[start : start + len(piece)] = piece
        return result[: _STAGES * stage]

    def _fade(self, samples: int) -> Samples:
        at = np.arange(samples) / self._rate
        faded = (_FADED_S - at) / (_FADED_S - _FULL_S)
        return np.clip(faded, 0.0, 1.0)


def _cycle(past: Samples, length: int, ramp: Samples) -> Samples:
    """The last `length` samples, their end blended so that it runs into their beginning."""
    cycle = past[-length:].copy()
    overlap = len(ramp)
    before = past[len(past) - length - overlap : len(past) - length]
    cycle[-overlap:] = cycle[-overlap:] * (1 - ramp) + before * ramp
    return cycle


def _to_pcm(samples: Samples) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
