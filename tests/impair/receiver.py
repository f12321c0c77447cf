"""Packets through a bad network into our uplink, and what comes out of it when."""

from dataclasses import dataclass

from rtp.codec import codec_for
from rtp.format import Format
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.impair.network import BASE_S, Network, Path
from tests.impair.senders import Sent
from tests.support.clock import Timeline

__all__ = ["Heard", "decoded", "receive"]

_TICK_S = 0.020
_TICK_PHASE_S = 0.0137  # ticks and packets have nothing to do with each other
_AFTER_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was handed up for the packets sent."""

    pcm: bytes
    """Beginning with the first sample sent, which need not have been heard."""
    delays: list[float]
    """For each frame sent, real or invented when heard: seconds beyond the network's base."""
    stats: StreamStats
    network_lost: int
    filled: int
    """Frames of silence between the first packet that arrived and the last."""


def receive(sent: list[Sent], audio: Format, network: Network, *, seed: int) -> Heard:
    """Carry the packets to an uplink, with its ticks and deadlines kept as `rtp.Stream` does."""
    path = Path(network, seed=seed)
    listener = _Listener(audio, sent)
    lost = 0
    for number, one in enumerate(sent):
        arrivals = path.carry(one.at)
        lost += not arrivals
        for arrival in arrivals:
            listener.expect(number, arrival)
    listener.listen(until=sent[-1].at + BASE_S + network.jitter_ms / 1000 + _AFTER_S)
    return Heard(
        pcm=listener.pcm(),
        delays=listener.delays(),
        stats=listener.stats,
        network_lost=lost,
        filled=listener.filled,
    )


class _Listener:
    """An uplink in virtual time, and notes of what it hands up."""

    def __init__(self, audio: Format, sent: list[Sent]) -> None:
        self.stats = StreamStats()
        self.filled = 0
        self._audio = audio
        self._sent = sent
        self._clock = Timeline()
        self._uplink = Uplink(audio, on_pcm=self._note, stats=self.stats, now=0.0)
        self._pcm = bytearray()
        self._handed_up: list[tuple[int, float]] = []  # bytes so far, and when
        self._origin: int | None = None  # where in the PCM the first packet sent has its place
        self._filled_before = 0

    def expect(self, number: int, arrival: float) -> None:
        self._clock.at(arrival, lambda: self._take(number))

    def listen(self, until: float) -> None:
        self._clock.run(_TICK_PHASE_S)
        self._clock.every(_TICK_S, lambda: self._uplink.tick(self._clock.now), until=until)
        self._clock.run(until)

    def pcm(self) -> bytes:
        assert self._origin is not None
        return bytes(max(0, -self._origin)) + bytes(self._pcm[max(0, self._origin) :])

    def delays(self) -> list[float]:
        assert self._origin is not None
        handed_up = iter(self._handed_up)
        end, at = next(handed_up)
        delays = []
        for number, one in enumerate(self._sent):
            while end < self._origin + (number + 1) * self._audio.frame_bytes:
                end, at = next(handed_up)
            delays.append(at - one.at - BASE_S)
        return delays

    def _take(self, number: int) -> None:
        if self._origin is None:
            self._origin = len(self._pcm) - number * self._audio.frame_bytes
            self._filled_before = self.stats.filled
        packet = self._sent[number].packet
        self.stats.received += 1
        self._uplink.receive(
            packet.sequence,
            packet.timestamp,
            packet.ssrc,
            packet.payload,
            self._clock.now,
            marker=packet.marker,
        )
        self.filled = self.stats.filled - self._filled_before
        self._watch()

    def _watch(self) -> None:
        deadline = self._uplink.jitter.deadline
        if deadline is not None:
            self._clock.at(deadline, self._expire)

    def _expire(self) -> None:
        deadline = self._uplink.jitter.deadline
        if deadline is not None and deadline <= self._clock.now:
            self._uplink.expire(self._clock.now)
            self._watch()

    def _note(self, pcm: bytes) -> None:
        self._pcm += pcm
        self._handed_up.append((len(self._pcm), self._clock.now))


def decoded(sent: list[Sent], audio: Format, network: Network, *, seed: int) -> bytes:
    """The same packets, arriving in order and in time, with silence for each lost one."""
    codec = codec_for(audio)
    path = Path(network, seed=seed)
    return b"".join(
        audio.silence if path.loses() else codec.decode(one.packet.payload) for one in sent
    )
