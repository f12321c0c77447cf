r"""Where each packet falls in its sender's time, and what goes up for the time between.

    packet in order of sequence --> at the head ---------------------> sound --> ledger
                                \-> after it: lost?   conceal --------/
                                |             silent? fill ----------/
                                \-> before it: dropped, or the head was wrong

The head is the sender's timestamp that would follow what has gone up. A packet before the head
has had its place filled already; one after it leaves a gap, which is loss where the sequence has
a gap too and silence (DTX) where it has none.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from rtp.arrivals import LEAST_PATIENCE_S, Arrivals
from rtp.comfort import noise_level
from rtp.conceal import Following
from rtp.decoder import Decoder
from rtp.format import Format
from rtp.lateness import Lateness
from rtp.ledger import Ledger
from rtp.packet import timestamp_distance
from rtp.stats import StreamStats

__all__ = ["Arrived", "Timeline"]

_CLOCK: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Arrived:
    """A packet that has come; one without a payload only occupies its number."""

    timestamp: int = 0
    payload: bytes = b""
    marker: bool = False
    comfort_noise: bytes | None = None


class Timeline:
    """One sender's packets in order of sequence, in; sound and silence in order of time, out."""

    def __init__(
        self,
        audio: Format,
        *,
        decoder: Decoder,
        ledger: Ledger,
        arrivals: Arrivals,
        stats: StreamStats,
    ) -> None:
        self._decoder = decoder
        self._ledger = ledger
        self._arrivals = arrivals
        self._stats = stats
        self._clock_rate = audio.clock_rate
        self._rate = audio.sample_rate
        self._patient = LEAST_PATIENCE_S * audio.sample_rate  # samples
        self._samples = audio.samples  # in the sender's last packet, whatever we send ourselves
        self._step = self._ticks(audio.samples)  # its length by the sender's clock
        self.forget()

    def forget(self) -> None:
        """Know nothing of the sender's clock."""
        self.head = 0
        """The sender's timestamp that would follow what has gone up."""
        self.flowing = False
        """Whether that is the sender's own, and not a guess after silence."""
        self._lost = 0  # packets given up, or unusable, since the last audio
        self._lateness = Lateness()

    def begin(self, timestamp: int) -> None:
        """Follow a sender, or a sender's new clock, from a packet with this timestamp on."""
        self.head = timestamp
        self.flowing = True
        self._lost = 0

    @property
    def length_s(self) -> float:
        """Seconds of audio in the sender's last packet."""
        return self._samples / self._rate

    def turned(self, timestamp: int, now: float) -> bool:
        """Whether a packet that cannot be placed shows that the sender's clock has moved."""
        behind = timestamp_distance(self.head, timestamp)
        return self._lateness.turned(behind / self._clock_rate, now)

    def follow(self, timestamp: int, payload: bytes, now: float, *, marker: bool) -> None:
        """Take the packet that is simply the next one, at the head."""
        if self._decoder.relay is not None and self._passes(timestamp, payload, now, marker=marker):
            return
        pcm = self._decode(timestamp, payload)
        if pcm:
            self._ledger.speak(pcm, now)
        else:
            self._lost = 1

    def place(self, lost: int, packet: Arrived, now: float) -> None:
        """Take the next packet in order of sequence, after `lost` that did not come."""
        self._stats.lost += lost
        self._lost += lost
        relay = self._decoder.relay
        if relay is not None:
            relay.miss(lost)
        if packet.comfort_noise is not None:
            self.rest()
            self._ledger.hush(noise_level(packet.comfort_noise))
            if relay is not None:
                relay.yield_to_sound()
        if packet.payload and not self._passes(
            packet.timestamp, packet.payload, now, marker=packet.marker
        ):
            self._sound(packet, now)

    def _sound(self, packet: Arrived, now: float) -> None:
        """Hand up what a packet holds, behind what fills the time since the head."""
        ahead = timestamp_distance(packet.timestamp, self.head)
        if ahead < 0 and not self._realigns(-ahead, packet, now):
            self._stats.late += 1
            self._lost = 0
            self._lateness.rest((packet.timestamp + self._step) & _CLOCK)
            return
        following = Following(packet.payload, partial(self._decode, packet.timestamp))
        after_loss = self._lost > 0
        if ahead > 0:
            self._bridge(ahead * self._rate // self._clock_rate, following, now)
        if following.pcm:
            self._ledger.rejoin(following.pcm, now, after_loss=after_loss)
            self.flowing = True
        elif self.flowing:  # as good as lost; what lies before it is filled already
            if ahead > 0:
                self.head = packet.timestamp
            self._lost = 1

    def _decode(self, timestamp: int, payload: bytes) -> bytes:
        """The PCM of a packet whose turn has come, the head behind it; empty when unusable."""
        pcm = self._decoder.decode(payload)
        samples = len(pcm) >> 1
        if samples:
            if samples != self._samples:
                self._samples, self._step = samples, self._ticks(samples)
            self.head = (timestamp + self._step) & _CLOCK
            self._lost = 0
            self._lateness.settle()
        return pcm

    def _passes(self, timestamp: int, payload: bytes, now: float, *, marker: bool) -> bool:
        """Whether a payload is sent on and nobody wants its sound; the head is behind it then."""
        ticks = self._decoder.pass_on(timestamp, payload, now, marker=marker)
        if not ticks:
            return False
        end = (timestamp + ticks) & _CLOCK
        passed = timestamp_distance(end, self.head)
        if passed > 0:
            self._ledger.forgo(passed * self._rate // self._clock_rate, now)
        self.head = end
        self._samples, self._step = ticks * self._rate // self._clock_rate, ticks
        self._lost = 0
        self.flowing = True
        self._lateness.settle()
        return True

    def _bridge(self, gap: int, following: Following, now: float) -> None:
        """Fill `gap` samples before a packet: lost frames by invention, the rest by silence."""
        if self.flowing and self._lost:
            missing = min(gap, self._lost * self._samples)
            adjoins = following if missing == gap else None
            gap -= self._ledger.conceal(missing, self._samples, now, following=adjoins)
        self._ledger.fill(gap, now)

    def _realigns(self, behind: int, packet: Arrived, now: float) -> bool:
        """Whether a packet before the head is played all the same, the head moved back to it."""
        if self.flowing:  # the head is the sender's own: only the sender can have moved it
            return True
        behind_s = behind / self._clock_rate
        if self._lateness.excuses(
            packet.timestamp,
            behind_s,
            marker=packet.marker,
            after_loss=self._lost > 0,
            length_s=self.length_s,
            patience_s=self._arrivals.patience_s(self.length_s),
        ):
            return True
        if self._lateness.turned(behind_s, now):
            self._stats.resyncs += 1
            return True
        return False

    def rest(self) -> None:
        """The sender has fallen silent: silence follows the wall clock from here."""
        self.flowing = False
        self._lateness.rest(self.head)

    def overdue(self, now: float) -> bool:
        """Whether the next packet has been waited for long enough."""
        owed = self._ledger.owed(now)
        if owed <= self._patient:
            return False
        return owed > self._arrivals.patience_s(self.length_s) * self._rate

    def fill(self, now: float) -> None:
        """Hand up silence for the time that has passed, in whole frames."""
        ledger = self._ledger
        if ledger.owed(now) >= ledger.frame:
            filled = ledger.catch_up(now)
            self.head = (self.head + self._ticks(filled)) & _CLOCK

    def _ticks(self, samples: int) -> int:
        return samples * self._clock_rate // self._rate
