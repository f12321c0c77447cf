"""Payloads of another stream that pass under our numbers, in the place of our own."""

from collections import deque
from typing import Final

from rtp.format import Format
from rtp.numbering import Numbering
from rtp.pacer import Pacer
from rtp.packet import timestamp_distance
from rtp.stats import StreamStats

__all__ = ["Passage"]

_RECENT: Final = 4  # payloads from which a codec finds the state it would have
_ANY_LENGTH: Final = 1 << 30  # timestamp units
_REST_S: Final = 1.0  # without one; Opus sends one each 400 ms where it has DTX


class Passage:
    """Where the payloads that pass have got to; slots are those of our pacer."""

    def __init__(
        self, audio: Format, pacer: Pacer, *, numbering: Numbering, stats: StreamStats
    ) -> None:
        self._numbering = numbering
        self._stats = stats
        self.open = False
        """Whether payloads of another stream are sent on, and none made here."""
        self.recent: deque[bytes] = deque(maxlen=_RECENT)
        """The last payloads that were sent on."""
        self._sent_at = 0  # slot after which the last one of them was sent
        self._end = 0  # timestamp that would follow it
        self._slots = 0  # after which another one is due
        self._own_first = 0  # timestamp of slot 0, by our clock and not the others'
        self.reformat(audio, pacer)

    def reformat(self, audio: Format, pacer: Pacer) -> None:
        """Number by the slots of another pacer; while closed only."""
        self._pacer = pacer
        self._payload_type = audio.payload_type
        self._step = audio.timestamp_step
        self._clock_rate = audio.clock_rate
        self._frame_s = audio.frame_s
        self.longest = audio.clock_rate * audio.max_ptime // 1000 or _ANY_LENGTH
        """Timestamp units that the peer takes in a packet at most, as far as it says."""

    def begin(self) -> None:
        """Let payloads pass from the next slot on."""
        slot = self._pacer.slot
        self._end, self._sent_at, self._slots = self.timestamp, slot, 0
        self._own_first = self._numbering.first
        self.open = True
        self.recent.clear()

    @property
    def timestamp(self) -> int:
        """RTP timestamp of what is to be sent next."""
        slot = self._pacer.slot
        if self.open and slot - self._sent_at <= self._slots:
            return self._end
        return self._numbering.timestamp(slot + 1)

    def packet(self, lost: int, timestamp: int, ticks: int, payload: bytes, marker: int) -> bytes:
        """A payload of `ticks` after `lost` others; our slots go on behind it."""
        slot = self._pacer.slot
        self._stats.heard += ticks / self._clock_rate
        self._sent_at = slot
        self._end = (timestamp + ticks) & 0xFFFFFFFF
        self._slots = 1 + ticks // self._step
        self._numbering.align(slot + 1, self._end, self._step)
        self.recent.append(payload)
        return self._numbering.relayed(self._payload_type | marker, lost, timestamp, payload)

    def fill(self) -> None:
        """Send the slot from here: what passes next, or is made here, comes behind it."""
        self._sent_at = slot = self._pacer.slot
        self._end = self._numbering.timestamp(slot + 1)

    def close(self) -> None:
        """Our own payloads follow, from the next slot on."""
        self._numbering.align(self._pacer.slot + 1, self.timestamp, self._step)
        self.open = False

    @property
    def rests(self) -> bool:
        """Whether none has come for so long that silence is to be made here."""
        return (self._pacer.slot - self._sent_at) * self._frame_s >= _REST_S

    def keep_time(self) -> None:
        """Silence has set in: go by our own clock again, where that has not been overtaken."""
        numbering = self._numbering
        others, numbering.first = numbering.first, self._own_first
        if timestamp_distance(numbering.timestamp(self._pacer.slot), self._end) < 0:
            numbering.first = others
