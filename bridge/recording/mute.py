"""Digits taken out of a recording: the moments at which one was told, and every tone of one."""

import numpy as np
from numpy.typing import NDArray

from bridge.recording.timeline import Timeline
from rtp.tones import ToneReceiver

__all__ = ["HOLD_S", "Mute"]

HOLD_S = 0.3
"""How much of the newest audio is kept back, because a digit is known only once it sounds."""
BEFORE_S, AFTER_S = 0.2, 0.12
"""Silenced around the moment at which a digit was told: gateways let its beginning through."""
PIECE_S = 0.06
"""What is listened to at once."""


class Mute:
    """Silences digits in a timeline; to be called for each batch after it was added."""

    def __init__(self, timeline: Timeline, rate: int) -> None:
        self._timeline = timeline
        self._rate = rate
        self._receivers = (ToneReceiver(rate), ToneReceiver(rate))
        self._open_until = 0  # samples of the coming batch that a digit still covers

    def silence(
        self, heard: NDArray[np.int16], sent: NDArray[np.int16], moments: list[int]
    ) -> None:
        """Silence the digits of the batch; `moments` are samples of `heard` at which one came."""
        for channel, samples in enumerate((heard, sent)):
            self._tones(channel, samples)
        total = len(heard)
        if self._open_until:
            self._timeline.silence(0, -total, self._open_until - total)
        self._open_until = 0
        for moment in moments:
            end = moment + int(AFTER_S * self._rate)
            start = moment - int(BEFORE_S * self._rate)
            self._timeline.silence(0, start - total, min(0, end - total))
            self._open_until = max(self._open_until, end - total)

    def _tones(self, channel: int, samples: NDArray[np.int16]) -> None:
        receiver, size = self._receivers[channel], int(PIECE_S * self._rate)
        before = int(BEFORE_S * self._rate)
        total = len(samples)
        for start in range(0, total, size):
            piece = samples[start : start + size]
            sounding = receiver.sounding
            began = receiver.hear(piece.astype("<i2").tobytes())
            if began or sounding:
                end = start + len(piece)
                self._timeline.silence(
                    channel, start - (before if began else 0) - total, end - total
                )
