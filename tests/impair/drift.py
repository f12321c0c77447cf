"""An hour of speech between two clocks that disagree: nothing may be lost, and no delay grow."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rtp.codec import codec_for
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.impair.speech import Speech
from tests.support.clock import Timeline

__all__ = ["Drift", "agent_drift", "caller_drift"]

_TICK_S = 0.020
_JITTER_S = 0.020
_START_S = 10.0
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What an hour did. Delays are medians of the first and the last minute, in milliseconds."""

    way: str
    ppm: float
    frames: int
    dropped: int
    silent: int
    """Frames of silence put in."""
    delay_first_ms: float
    delay_last_ms: float


def caller_drift(speech: Speech, audio: Format, *, ppm: float, seconds: float) -> Drift:
    """A caller whose clock is `ppm` fast, over a network with 20 ms of jitter."""
    clock = Timeline()
    stats = StreamStats()
    heard: list[tuple[float, float]] = []  # when a packet was sent, and how much later handed up
    sent_at = 0.0
    uplink = Uplink(
        audio,
        on_pcm=lambda _: heard.append((sent_at, clock.now - sent_at)),
        stats=stats,
        now=0.0,
    )
    period = audio.frame_s / (1 + ppm / 1e6)
    payloads = _payloads(speech, audio)
    spread = random.Random(7)
    arrival = 0.0
    frames = int(seconds / period)
    filled_at_start = 0

    def send(number: int) -> None:
        nonlocal sent_at, arrival, filled_at_start
        sent_at = number * period
        if number == 0:
            filled_at_start = stats.filled
        uplink.receive(
            number & 0xFFFF,
            number * audio.timestamp_step & 0xFFFFFFFF,
            7,
            next(payloads),
            clock.now,
            marker=False,
        )
        if number + 1 < frames:
            arrival = max(arrival, (number + 1) * period + spread.random() * _JITTER_S)
            clock.at(arrival, lambda: send(number + 1))

    clock.at(0.0, lambda: send(0))
    clock.every(_TICK_S, lambda: uplink.tick(clock.now), until=seconds)
    clock.run(seconds)
    return Drift(
        way="caller to agent",
        ppm=ppm,
        frames=frames,
        dropped=stats.excess + stats.late,
        silent=stats.filled - filled_at_start,
        delay_first_ms=_median_ms(heard, _START_S),
        delay_last_ms=_median_ms(heard, seconds - _WINDOW_S),
    )


def agent_drift(speech: Speech, audio: Format, *, ppm: float, seconds: float) -> Drift:
    """An agent whose clock is `ppm` fast and who sends each frame as it is spoken."""
    clock = Timeline()
    stats = StreamStats()
    downlink = Downlink(audio, stats=stats, now=0.0)
    period = audio.frame_s / (1 + ppm / 1e6)
    queued: list[tuple[float, float]] = []
    packets = 0

    def beat() -> None:
        nonlocal packets
        packets += downlink.poll(clock.now) is not None
        clock.at(downlink.pacer.wake, beat)

    size = audio.frame_bytes
    frames = int(seconds / period)

    def play(number: int) -> None:
        start = number * size % (len(speech.pcm) - size)
        start -= start % 2
        downlink.play(speech.pcm[start : start + size])
        queued.append((clock.now, downlink.depth))
        if number + 1 < frames:
            clock.at((number + 1) * period, lambda: play(number + 1))

    clock.at(0.0, lambda: play(0))
    clock.at(0.001, beat)
    clock.run(seconds)
    spoken = int(stats.heard / audio.frame_s)
    return Drift(
        way="agent to caller",
        ppm=ppm,
        frames=frames,
        dropped=stats.shed,
        silent=packets - spoken,
        delay_first_ms=_median_ms(queued, _START_S),
        delay_last_ms=_median_ms(queued, seconds - _WINDOW_S),
    )


def _payloads(speech: Speech, audio: Format) -> Iterator[bytes]:
    """The speech again and again, encoded."""
    codec = codec_for(audio)
    size = audio.frame_bytes
    said = [
        codec.encode(speech.pcm[start : start + size])
        for start in range(0, len(speech.pcm) - size + 1, size)
    ]
    while True:
        yield from said


def _median_ms(samples: list[tuple[float, float]], since: float) -> float:
    return 1000 * float(
        np.median([value for at, value in samples if since <= at < since + _WINDOW_S])
    )
