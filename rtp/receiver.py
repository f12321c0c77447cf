r"""Datagrams of the RTP port, sorted: whose they are, what they hold, and where that goes.

datagram --> parse --> latch --> audio ---------------> uplink
                            \--> telephone-event -----> digits
                            \--> comfort noise, keepalive
RTCP on a shared port (RFC 5761) --> on_rtcp
"""

import logging
import struct
from collections.abc import Callable
from typing import Final

from rtp.dtmf import DigitReceiver
from rtp.format import Format
from rtp.latch import Address, Latch
from rtp.packet import HEADER, HEADER_LENGTH, MARKER, PLAIN, RtpPacket, is_rtcp
from rtp.stats import StreamStats
from rtp.uplink import Uplink

__all__ = ["Receiver"]

logger = logging.getLogger(__name__)

_COMFORT_NOISE: Final = 13  # RFC 3389 section 4


class Receiver:
    """Takes every datagram there is, and never raises: each drop has its counter. Sans I/O."""

    def __init__(
        self,
        audio: Format,
        *,
        latch: Latch,
        uplink: Uplink,
        stats: StreamStats,
        on_digit: Callable[[str], None] | None = None,
        on_rtcp: Callable[[bytes, Address], None] | None = None,
    ) -> None:
        self.receiving = True
        """Whether audio is taken; while it is not, packets only count as signs of life."""
        self.last_received: float | None = None
        """When the last valid packet came; None before the first."""
        self.latch = latch
        self._uplink = uplink
        self._stats = stats
        self._on_digit = on_digit
        self._on_rtcp = on_rtcp
        self._digits = DigitReceiver()
        self.reformat(audio)

    def reformat(self, audio: Format) -> None:
        """Expect other payload types."""
        given, event = audio.own_payload_type, audio.own_event_payload_type
        self._payload_type = audio.payload_type if given is None else given
        self._event_payload_type = audio.event_payload_type if event is None else event
        # Some send under the numbers of their own description (RFC 3264 section 5.1 has them use
        # ours), which is borne where those mean nothing else.
        known = (self._payload_type, self._event_payload_type)
        theirs, their_event = audio.payload_type, audio.event_payload_type
        self._other_payload_types: tuple[int, ...] = () if theirs in known else (theirs,)
        self._other_event_payload_type = None if their_event in known else their_event

    def close(self) -> None:
        """Nobody is told of digits or RTCP any more."""
        self._on_digit = self._on_rtcp = None

    def take(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram."""
        try:
            first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
            payload = data[HEADER_LENGTH:] if first == PLAIN else RtpPacket.parse(data).payload
        except (ValueError, struct.error):
            self._take_unreadable(data, source)
            return
        kind = second & 0x7F
        if (kind != self._payload_type and kind not in self._other_payload_types) or not payload:
            self._take_other(data, source, payload, now)
            return
        if source != self.latch.source and not self._admits(source, now):
            return
        stats = self._stats
        stats.received += 1
        self.last_received = now
        if self.receiving:
            self._uplink.receive(sequence, timestamp, ssrc, payload, now, marker=second >= MARKER)
        else:
            stats.held += 1

    def _take_unreadable(self, data: bytes, source: Address) -> None:
        """No RTP; the shortest RTCP packets have fewer octets than an RTP header."""
        if is_rtcp(data):
            self._hand_over(data, source)
        else:
            self._stats.invalid += 1

    def _take_other(self, data: bytes, source: Address, payload: bytes, now: float) -> None:
        """RTP that is no audio of ours, or no RTP at all."""
        if is_rtcp(data):
            self._hand_over(data, source)
            return
        _, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        payload_type = second & 0x7F
        event = payload_type in (self._event_payload_type, self._other_event_payload_type)
        comfort_noise = payload_type == _COMFORT_NOISE
        keepalive = payload_type == self._payload_type  # without a payload (RFC 6263 section 4.1)
        known = event or comfort_noise or keepalive
        if not known:
            self._stats.unexpected += 1
        if source != self.latch.source and not (known and self._admits(source, now)):
            return
        self._stats.received += 1
        if known:
            self.last_received = now
        noise = payload if comfort_noise else None
        self._uplink.skip(sequence, ssrc, now, comfort_noise=noise)
        if event:
            self._take_event(payload, timestamp)

    def _take_event(self, payload: bytes, timestamp: int) -> None:
        try:
            digit = self._digits.receive(payload, timestamp)
        except ValueError:
            self._stats.invalid += 1
            return
        if digit is None:
            return
        self._stats.digits += 1
        if self._on_digit is not None:
            self._on_digit(digit)

    def _hand_over(self, data: bytes, source: Address) -> None:
        if self._on_rtcp is not None:
            self._on_rtcp(data, source)

    def _admits(self, source: Address, now: float) -> bool:
        if not self.latch.admits(source, now, self.last_received):
            self._stats.strangers += 1
            return False
        logger.debug("= latched to %s:%d", *source[:2])
        return True
