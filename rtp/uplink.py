r"""The caller's audio on its way to the agent: one second of it for every second that passes.

    packet --> next in order --------------> timeline --> ledger --> on_pcm
           \-> jitter buffer: out of order ----^   ^
    tick ---> RTP has stopped for too long: silence, up to now

The timeline holds packets against the sender's clock; the ledger holds the same audio against the
wall clock, so that no timestamp, however wrong, makes more or less audio than time has passed.
What is relayed (`rtp.relay`) is decoded only where somebody listens besides.
"""

from collections.abc import Callable

from rtp.arrivals import Arrivals
from rtp.decoder import Decoder
from rtp.format import Format
from rtp.jitter import JitterBuffer, Placement
from rtp.ledger import Ledger
from rtp.packet import timestamp_distance
from rtp.relay import Relay
from rtp.stats import StreamStats
from rtp.timeline import Arrived, Timeline

__all__ = ["Uplink"]


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
        self.jitter: JitterBuffer[Arrived] = JitterBuffer(cap_s=reorder_cap_s)
        self.decoder = Decoder(audio, stats=stats)
        concealment = self.decoder.concealment
        self._ledger = Ledger(audio, concealment, on_pcm=on_pcm, stats=stats, now=now)
        self._open(audio)

    def reformat(self, audio: Format, now: float) -> None:
        """Take up another format, without a gap in what goes up."""
        self._give_up(now)
        self.decoder.reformat(audio)
        self._ledger.reformat(audio, self.decoder.concealment, now)
        self._open(audio)

    def _open(self, audio: Format) -> None:
        self._arrivals = Arrivals(audio.clock_rate, stats=self.stats)
        self._timeline = Timeline(
            audio,
            decoder=self.decoder,
            ledger=self._ledger,
            arrivals=self._arrivals,
            stats=self.stats,
        )
        self._forget()

    def connect(self, relay: Relay | None) -> None:
        """Have payloads sent on as they come, or no more."""
        self.decoder.connect(relay)

    def pause(self) -> None:
        """Forget the sender: on hold, or before another one. Silence goes up meanwhile."""
        self._ledger.forget()
        self._timeline.forget()
        self._forget()

    def _forget(self) -> None:
        """Know nothing of the sender's numbers."""
        self.ssrc: int | None = None
        self.base = 0
        """Sequence number this sender was taken up with."""
        self.received_before = 0
        """What `stats.received` was before its first packet."""
        self._next = -1  # sequence of the packet that would follow the head, -1 if any has to wait
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
        self._arrivals.note(timestamp, now)
        timeline = self._timeline
        if sequence == self._next and timestamp == timeline.head:
            self._next = (sequence + 1) & 0xFFFF
            timeline.follow(timestamp, payload, now, marker=marker)
        else:
            self._leave_line()
            self._sort(sequence, Arrived(timestamp, payload, marker), now)
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
        packet = Arrived(comfort_noise=comfort_noise)
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
        timeline = self._timeline
        if timeline.flowing:
            if self.jitter.deadline is not None or not timeline.overdue(now):
                return
            self._leave_line()
            timeline.rest()
        timeline.fill(now)

    def _adopt(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """Follow a sender, or a sender's new numbering, from this packet on."""
        self._give_up(now)
        if self.ssrc is not None:
            self.stats.resyncs += 1
        if self.decoder.relay is not None:
            self.decoder.relay.renew()
        self.ssrc = ssrc
        self.base = sequence
        self.received_before = self.stats.received - 1
        self.jitter.restart(sequence)
        self._timeline.begin(timestamp)
        self._arrivals.begin(timestamp, now)

    def _leave_line(self) -> None:
        """Tell the jitter buffer what has passed it by; from here on it decides."""
        if self._next >= 0:
            self.jitter.passed(self._next)
            self._next = -1

    def _rejoin_line(self) -> None:
        """Let the packets that follow pass by the jitter buffer, if nothing waits."""
        if self._timeline.flowing:
            self._next = self.jitter.straight

    def _give_up(self, now: float) -> None:
        """Wait for no packet of this sender's numbering any more."""
        self._leave_line()
        self._release(now, until=float("inf"))

    def _release(self, now: float, *, until: float) -> None:
        while (ready := self.jitter.pop(until)) is not None:
            self._timeline.place(*ready, now)

    def _sort(self, sequence: int, packet: Arrived, now: float) -> None:
        """Take a packet that is not simply the next one."""
        timeline = self._timeline
        early = timestamp_distance(packet.timestamp, timeline.head) > 0
        placement = self.jitter.push(
            sequence,
            packet,
            now,
            jitter_s=self.stats.jitter,
            longest_s=self._arrivals.wait_s(timeline.length_s) if early else 0.0,
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
            placement is Placement.FAR or timeline.turned(packet.timestamp, now)
        ):
            self._adopt(sequence, packet.timestamp, self.ssrc, now)
            self._sort(sequence, packet, now)


def _nobody(_: bytes) -> None:
    """Where audio goes after the end."""
