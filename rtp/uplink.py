r"""The caller's audio on its way to the agent: one second of it for every second that passes.

                         .--> relay (`rtp.relay`)
    packet --> in order, on time ------------------------> decode --> ledger --> on_pcm
           \-> jitter buffer --> gap: lost?   conceal --/
                                gap: silent? fill ----/
    tick ---> RTP has stopped for longer than our patience: fill, up to now

What is relayed is decoded only where somebody listens besides.

The head is the sender's timestamp that would follow what has gone up. A packet before the head
has had its place filled already; one after it leaves a gap, which is loss where the sequence has
a gap too and silence (DTX) where it has none. The ledger holds the same audio against the wall
clock, so that no timestamp, however wrong, makes more or less audio than time has passed.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from rtp.codec import codec_for, concealment_for
from rtp.comfort import noise_level
from rtp.conceal import Following
from rtp.format import Format
from rtp.jitter import JitterBuffer, Placement
from rtp.lateness import Lateness
from rtp.ledger import Ledger
from rtp.packet import timestamp_distance
from rtp.relay import Relay
from rtp.stats import StreamStats

__all__ = ["Uplink"]

_PATIENCE_S: Final = 0.040  # beyond the packet due next, before silence takes its place
_PATIENCE_MIN_S: Final = 0.060
_PATIENCE_MAX_S: Final = 0.200
_WAIT_MIN_S: Final = 0.005  # across a gap; neighbours that swap in a queue do so in less
_WAIT_MARGIN_S: Final = 0.005
_EASE_KEPT: Final = 1 - 1 / 4096  # at each packet: the slowest one is forgotten in a minute or two
_LONGEST_S: Final = 0.200  # audio in one packet
_STEADY_S: Final = 1.0  # a larger step between packets is not jitter


@dataclass(frozen=True, slots=True)
class _Packet:
    """What waits in the jitter buffer; one without a payload only occupies its number."""

    timestamp: int = 0
    payload: bytes = b""
    marker: bool = False
    comfort_noise: bytes | None = None


class Uplink:
    """Turns RTP as it comes into continuous PCM. Sans I/O: packets and time in, PCM out.

    `on_pcm` is called within `receive` for a packet in order, else within `receive`, `expire`
    or `tick`, whichever ends the wait.
    """

    def __init__(
        self,
        audio: Format,
        *,
        on_pcm: Callable[[bytes], None],
        stats: StreamStats,
        now: float,
        reorder_cap_s: float = 0.060,
    ) -> None:
        self.stats = stats
        self.jitter: JitterBuffer[_Packet] = JitterBuffer(cap_s=reorder_cap_s)
        self._relay: Relay | None = None
        self.listened = True
        """Whether the sound of what is relayed is wanted too."""
        self._deaf = False  # the codec has not heard the last payloads
        self._codec = codec_for(audio)
        concealer = concealment_for(self._codec, audio.sample_rate)
        self._ledger = Ledger(audio, concealer, on_pcm=on_pcm, stats=stats, now=now)
        self._open(audio)

    def reformat(self, audio: Format, now: float) -> None:
        """Take up another format, without a gap in what goes up."""
        self.connect(None)
        self._codec = codec_for(audio)
        self._ledger.reformat(audio, concealment_for(self._codec, audio.sample_rate), now)
        self._open(audio)

    def _open(self, audio: Format) -> None:
        self._clock_rate = audio.clock_rate
        self._rate = audio.sample_rate
        self._ticks_per_byte = audio.clock_rate / (2 * audio.sample_rate)
        self._longest = int(_LONGEST_S * audio.sample_rate) * 2  # bytes of PCM
        self._patient = _PATIENCE_MIN_S * audio.sample_rate  # samples
        self._samples = audio.samples  # in the sender's last packet, whatever we send ourselves
        self._forget()

    def connect(self, relay: Relay | None) -> None:
        """Have payloads sent on as they come, or no more."""
        self._hear_again()
        self._relay = relay

    def pause(self) -> None:
        """Forget the sender: on hold, or before another one. Silence goes up meanwhile."""
        self._ledger.forget()
        self._forget()

    def _forget(self) -> None:
        """Know nothing of the sender's numbers and clock."""
        self.ssrc: int | None = None
        self.base = 0
        """Sequence number this sender was taken up with."""
        self.received_before = 0
        """What `stats.received` was before its first packet."""
        self._head = 0
        self._flowing = False  # the head is the sender's own, not a guess after silence
        self._next = -1  # sequence of the packet that would follow the head, -1 if any has to wait
        self._lost = 0  # packets given up since the last audio
        self._arrival = 0.0
        self._timestamp = 0
        self._ease = 0.0  # s by which the last packet was faster than the slowest one of late
        self._lateness = Lateness()
        self.jitter.restart(0)

    def close(self) -> None:
        """Nothing is handed up any more."""
        self._ledger.on_pcm = _nobody

    def receive(
        self, sequence: int, timestamp: int, ssrc: int, payload: bytes, now: float, *, marker: bool
    ) -> None:
        """Take one audio packet. Never raises: what cannot be used is counted in `stats`."""
        if ssrc != self.ssrc:
            self._adopt(sequence, timestamp, ssrc, now)
        # RFC 3550 section 6.4.1
        step = now - self._arrival - (timestamp - self._timestamp) / self._clock_rate
        self._arrival = now
        self._timestamp = timestamp
        if -_STEADY_S < step < _STEADY_S:
            stats = self.stats
            stats.jitter += (abs(step) - stats.jitter) / 16
            ease = self._ease - step
            self._ease = ease * _EASE_KEPT if ease > 0.0 else 0.0
        if sequence == self._next and timestamp == self._head:
            self._next = (sequence + 1) & 0xFFFF
            if self._relay is not None and self._relays(timestamp, payload, now, marker=marker):
                return
            pcm = self._decode(timestamp, payload)
            if pcm:
                self._ledger.speak(pcm, now)
        else:
            self._leave_line()
            self._sort(sequence, _Packet(timestamp, payload, marker), now)
            self._rejoin_line()

    def skip(
        self, sequence: int, ssrc: int, now: float, *, comfort_noise: bytes | None = None
    ) -> None:
        """Take the number of a packet without audio, lest it be missed as lost.

        The payload of `comfort_noise` (RFC 3389) says that the sender has fallen silent, and how
        loud it is where they are.
        """
        if ssrc != self.ssrc:
            return
        self._leave_line()
        packet = _Packet(comfort_noise=comfort_noise)
        self.jitter.push(sequence, packet, now, jitter_s=self.stats.jitter)
        self._release(now, until=now)
        self._rejoin_line()

    def expire(self, now: float) -> None:
        """Release what waits no longer; due when `jitter.deadline` has come."""
        self._leave_line()
        self._release(now, until=now)
        self._rejoin_line()

    @property
    def highest(self) -> int:
        """Highest sequence number of this sender so far, extended by its wraps."""
        self._leave_line()
        self._rejoin_line()
        return self.jitter.highest

    def tick(self, now: float) -> None:
        """Fill with silence what RTP has left open. Call about once a frame."""
        ledger = self._ledger
        owed = ledger.owed(now)
        if self._flowing:
            if owed <= self._patient or self.jitter.deadline is not None:
                return
            if owed <= self._patience_s() * self._rate:
                return
            self._leave_line()
            self._rest()
        if owed >= ledger.frame:
            filled = ledger.catch_up(now)
            self._head = (self._head + self._ticks(filled)) & 0xFFFFFFFF

    def _patience_s(self) -> float:
        """How long to wait for a packet before silence takes its place."""
        wait = self._samples / self._rate + _PATIENCE_S + 3 * self.stats.jitter
        return min(_PATIENCE_MAX_S, max(_PATIENCE_MIN_S, wait))

    def _adopt(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """Follow a sender, or a sender's new numbering, from this packet on."""
        self._leave_line()
        if self.ssrc is not None:
            self.stats.resyncs += 1
            self._release(now, until=float("inf"))
        if self._relay is not None:
            self._relay.renew()
        self.ssrc = ssrc
        self.base = sequence
        self.received_before = self.stats.received - 1
        self.jitter.restart(sequence)
        self._head = timestamp
        self._flowing = True
        self._lost = 0
        self._arrival = now
        self._timestamp = timestamp
        self._ease = 0.0

    def _leave_line(self) -> None:
        """Tell the jitter buffer what has passed it by; from here on it decides."""
        if self._next >= 0:
            self.jitter.passed(self._next)
            self._next = -1

    def _rejoin_line(self) -> None:
        """Let the packets that follow pass by the jitter buffer, if nothing waits."""
        if self._flowing:
            self._next = self.jitter.straight

    def _release(self, now: float, *, until: float) -> None:
        while (ready := self.jitter.pop(until)) is not None:
            self._play(*ready, now)

    def _rest(self) -> None:
        """The sender has stopped: silence follows the wall clock from here."""
        self._flowing = False
        self._lateness.rest(self._head)

    def _decode(self, timestamp: int, payload: bytes) -> bytes:
        """The PCM of a packet whose turn has come, the head behind it; empty when unusable."""
        try:
            pcm = self._codec.decode(payload)
        except ValueError:
            pcm = b""
        size = len(pcm)
        if not 0 < size <= self._longest:
            self.stats.invalid += 1
            return b""
        self._head = (timestamp + int(size * self._ticks_per_byte)) & 0xFFFFFFFF
        self._samples = size >> 1
        self._lateness.settle()
        return pcm

    def _sort(self, sequence: int, packet: _Packet, now: float) -> None:
        """Take a packet that is not simply the next one."""
        behind = timestamp_distance(self._head, packet.timestamp)
        placement = self.jitter.push(
            sequence,
            packet,
            now,
            jitter_s=self.stats.jitter,
            longest_s=self._worth_waiting_s() if behind < 0 else 0.0,
        )
        match placement:
            case Placement.READY:
                self._release(now, until=now)
                return
            case Placement.REORDERED:
                self.stats.reordered += 1
                self._release(now, until=now)
                return
            case Placement.LATE:
                self.stats.late += 1
            case Placement.DUPLICATE:
                self.stats.duplicates += 1
        if self.ssrc is not None and (
            placement is Placement.FAR or self._lateness.turned(behind / self._clock_rate, now)
        ):
            self._adopt(sequence, packet.timestamp, self.ssrc, now)
            self._sort(sequence, packet, now)

    def _worth_waiting_s(self) -> float:
        """How long the packet before the one just come may still take, by the slowest of late."""
        return max(_WAIT_MIN_S, self._ease + _WAIT_MARGIN_S - self._samples / self._rate)

    def _play(self, lost: int, packet: _Packet, now: float) -> None:
        """The next packet in order of sequence, after `lost` that did not come."""
        self.stats.lost += lost
        self._lost += lost
        relay = self._relay
        if relay is not None:
            relay.miss(lost)
        if packet.comfort_noise is not None:
            self._rest()
            self._ledger.hush(noise_level(packet.comfort_noise))
            if relay is not None:
                relay.yield_to_sound()
        if not packet.payload:
            return
        if relay is not None and self._relays(
            packet.timestamp, packet.payload, now, marker=packet.marker
        ):
            return
        ahead = timestamp_distance(packet.timestamp, self._head)
        if ahead < 0 and not self._realigns(-ahead, packet, now):
            self.stats.late += 1
            self._lost = 0
            self._lateness.rest((packet.timestamp + self._ticks(self._samples)) & 0xFFFFFFFF)
            return
        following = Following(packet.payload, partial(self._decode, packet.timestamp))
        if ahead > 0:
            self._bridge(ahead * self._rate // self._clock_rate, following, now)
        if following.pcm:
            self._ledger.rejoin(following.pcm, now, after_loss=self._lost > 0)
            self._flowing = True
            self._lost = 0

    def _relays(self, timestamp: int, payload: bytes, now: float, *, marker: bool) -> bool:
        """Send a payload on whose turn has come; whether nobody wants its sound."""
        relay = self._relay
        assert relay is not None
        ticks = relay.length(payload)
        if not 0 < ticks <= _LONGEST_S * self._clock_rate:
            relay.miss(1)
            return False
        if ticks > relay.longest:
            relay.yield_to_sound()
            return False
        if relay.forward(timestamp, ticks, payload, now, marker=marker) or self.listened:
            self._hear_again(payload)
            return False
        end = (timestamp + ticks) & 0xFFFFFFFF
        passed = timestamp_distance(end, self._head)
        if passed > 0:
            self._ledger.forgo(passed * self._rate // self._clock_rate, now)
        self._deaf = True
        self._head = end
        self._samples = ticks * self._rate // self._clock_rate
        self._lost = 0
        self._flowing = True
        self._lateness.settle()
        return True

    def _hear_again(self, present: bytes | None = None) -> None:
        """Bring the codec to where it would be, had it heard all before the `present` payload."""
        if not self._deaf:
            return
        assert self._relay is not None
        self._deaf = False
        for payload in self._relay.recent:
            if payload is present:
                break
            with contextlib.suppress(ValueError):
                self._ledger.recall(self._codec.decode(payload))

    def _bridge(self, gap: int, following: Following, now: float) -> None:
        """Fill `gap` samples before a packet: lost frames by invention, the rest by silence."""
        if self._flowing and self._lost:
            missing = min(gap, self._lost * self._samples)
            adjoins = following if missing == gap else None
            gap -= self._ledger.conceal(missing, self._samples, now, following=adjoins)
        self._ledger.fill(gap, now)

    def _realigns(self, behind: int, packet: _Packet, now: float) -> bool:
        """Whether a packet before the head is played all the same, the head moved back to it."""
        if self._flowing:  # the head is the sender's own: only the sender can have moved it
            return True
        behind_s = behind / self._clock_rate
        if self._lateness.excuses(
            packet.timestamp,
            behind_s,
            marker=packet.marker,
            after_loss=self._lost > 0,
            length_s=self._samples / self._rate,
            patience_s=self._patience_s(),
        ):
            return True
        if self._lateness.turned(behind_s, now):
            self.stats.resyncs += 1
            return True
        return False

    def _ticks(self, samples: int) -> int:
        return samples * self._clock_rate // self._rate


def _nobody(_: bytes) -> None:
    """Where audio goes after the end."""
