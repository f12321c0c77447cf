r"""Payloads of one stream sent on as those of another: not decoded, not encoded, not queued.

    uplink: in order, on time --> relay --> downlink: our SSRC, sequence, time, type --> send
                                    \-- not just now: as sound, by the way of all sound

What the network lost stays a gap in the sequence, so the other end conceals it, from the redundancy
of what follows where there is any; what was never sent (DTX) stays a gap in time alone. A sender
that is another one, or has begun to count anew, is heard on as if nothing had been.
"""

from collections.abc import Callable
from typing import Final

from rtp.downlink import Downlink
from rtp.format import Format
from rtp.opus import packet_length
from rtp.packet import MARKER, timestamp_distance

__all__ = ["Relay"]

_STEADY_S: Final = 1.0  # by which a sender's time may differ from ours since its last packet
_HELD_UP_S: Final = 0.060  # behind its time: a packet of a backlog, beyond any jitter
_BACKLOG_S: Final = 0.200  # within which that has passed


class Relay:
    """The way from the uplink of one stream to the wire of another that speaks the same codec."""

    def __init__(
        self, audio: Format, downlink: Downlink, *, send: Callable[[bytes, float], None]
    ) -> None:
        """Relay payloads of `audio`; `send` takes a packet and the time."""
        self.length: Callable[[bytes], int] = (
            packet_length if audio.encoding.upper() == "OPUS" else len
        )
        """Timestamp units in a payload, 0 in a broken one; G.711 and G.722 have one an octet."""
        self.longest = downlink.passage.longest
        """Timestamp units in a payload that may be sent on; more in one goes on as sound."""
        self._downlink = downlink
        self._send = send
        self._clock_rate = audio.clock_rate
        self._lost = 0  # packets, since the last payload
        self._offset = 0  # from the sender's timestamps to ours
        self._next = 0  # the sender's timestamp that would follow its last payload
        self._due = 0.0  # when a packet with that timestamp would come
        self._known = False  # whether those two are this sender's
        self._fresh = True  # the offset is to be chosen anew
        self._behind_since: float | None = None  # when packets first came that were far too late

    @property
    def recent(self) -> list[bytes]:
        """The last payloads that were sent on."""
        return list(self._downlink.passage.recent)

    def miss(self, lost: int) -> None:
        """Packets have been given up on."""
        self._lost += lost

    def renew(self) -> None:
        """What comes next is of another sender, or in another numbering."""
        self._known = False
        self._fresh = True

    def forward(
        self, timestamp: int, ticks: int, payload: bytes, now: float, *, marker: bool
    ) -> bool:
        """Send a payload of `ticks` on; whether its sound is wanted, to be played or overheard."""
        downlink = self._downlink
        if not downlink.passage.open and not self._begins(timestamp, now):
            return True
        if downlink.digits.muting:
            self._fresh = True
            return downlink.overheard
        if self._fresh or self._strays(timestamp, now):
            self._offset = downlink.timestamp - timestamp
            self._fresh = False
            self._lost = 0
        ours = (timestamp + self._offset) & 0xFFFFFFFF
        kind = MARKER if marker else 0
        self._send(downlink.pass_on(self._lost, ours, ticks, payload, kind), now)
        self._lost = 0
        self._next = (timestamp + ticks) & 0xFFFFFFFF
        self._due = now + ticks / self._clock_rate
        self._known = True
        return downlink.overheard

    def yield_to_sound(self) -> None:
        """What comes next from this sender is sound that only we can make."""
        self._downlink.release()

    def _begins(self, timestamp: int, now: float) -> bool:
        """Whether what is queued leaves room for payloads; it is sent before them."""
        self._fresh = True
        if self._known and self._belated(timestamp, now):
            return False
        packets = self._downlink.give_way()
        if packets is None:
            return False
        for packet in packets:
            self._send(packet, now)
        return True

    def _belated(self, timestamp: int, now: float) -> bool:
        """Whether a packet is of a backlog, in whose place silence has been sent already.

        Where it goes on, the sender's clock has stood still.
        """
        pause_s = timestamp_distance(timestamp, self._next) / self._clock_rate
        if now - self._due - pause_s < _HELD_UP_S:
            self._behind_since = None
            return False
        if self._behind_since is None:
            self._behind_since = now
        return now - self._behind_since < _BACKLOG_S

    def _strays(self, timestamp: int, now: float) -> bool:
        """Whether the sender's time has gone back, or leapt."""
        pause_s = timestamp_distance(timestamp, self._next) / self._clock_rate
        return pause_s < 0 or abs(pause_s - (now - self._due)) > _STEADY_S
