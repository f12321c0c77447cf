"""Payloads of another stream that pass under our numbers, in the place of our own."""

from collections import deque
from typing import Final

from rtp.numbering import Numbering
from rtp.packet import timestamp_distance

__all__ = ["Passage"]

_RECENT: Final = 4  # payloads from which a codec finds the state it would have
_REST_S: Final = 1.0  # without one; Opus sends one each 400 ms where it has DTX


class Passage:
    """Where the payloads that pass have got to; slots are those of our pacer."""

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        self.open = False
        """Whether payloads of another stream are sent on, and none made here."""
        self.recent: deque[bytes] = deque(maxlen=_RECENT)
        """The last payloads that were sent on."""
        self._sent_at = 0  # slot after which the last one of them was sent
        self._end = 0  # timestamp that would follow it
        self._slots = 0  # after which another one is due
        self._own_first = 0  # timestamp of slot 0, by our clock and not the others'

    def begin(self, slot: int, timestamp: int) -> None:
        """Let payloads pass from this slot on, the first one with this timestamp."""
        self._end, self._sent_at, self._slots = timestamp, slot, 0
        self._own_first = self._numbering.first
        self.open = True
        self.recent.clear()

    def timestamp(self, slot: int) -> int:
        """RTP timestamp of what is to be sent next, after this slot."""
        if self.open and slot - self._sent_at <= self._slots:
            return self._end
        return self._numbering.timestamp(slot + 1)

    def packet(
        self,
        kind: int,
        lost: int,
        timestamp: int,
        ticks: int,
        payload: bytes,
        *,
        slot: int,
        step: int,
    ) -> bytes:
        """A payload of `ticks` after `lost` others; our slots of `step` go on behind it."""
        self._sent_at = slot
        self._end = (timestamp + ticks) & 0xFFFFFFFF
        self._slots = 1 + ticks // step
        self._numbering.align(slot + 1, self._end, step)
        self.recent.append(payload)
        return self._numbering.relayed(kind, lost, timestamp, payload)

    def fill(self, slot: int) -> None:
        """Send the slot from here: what passes next, or is made here, comes behind it."""
        self._end, self._sent_at = self._numbering.timestamp(slot + 1), slot

    def close(self, slot: int, step: int) -> None:
        """Our own payloads follow, from this slot on."""
        self._numbering.align(slot + 1, self.timestamp(slot), step)
        self.open = False

    def rests(self, slot: int, frame_s: float) -> bool:
        """Whether none has come for so long that silence is to be made here."""
        return (slot - self._sent_at) * frame_s >= _REST_S

    def keep_time(self, slot: int) -> None:
        """Silence has set in: go by our own clock again, where that has not been overtaken."""
        numbering = self._numbering
        others, numbering.first = numbering.first, self._own_first
        if timestamp_distance(numbering.timestamp(slot), self._end) < 0:
            numbering.first = others
