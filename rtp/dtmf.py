"""Telephone events: the digits a caller presses (RFC 4733)."""

from collections import deque

__all__ = ["DIGITS", "DigitReceiver"]

DIGITS = "0123456789*#ABCD"
"""Digit of each event code (RFC 4733 section 3.2)."""

_EVENT_LENGTH = 4  # octets: code, end and volume, duration
_REMEMBERED = 16  # events; the packets of one keep coming for a while after the next began
_SEGMENT = 0xFFFF  # longest duration one event can state; a longer press goes on in another


class DigitReceiver:
    """Tells each digit exactly once, however many of its packets come, or how few.

    An event is known by its RTP timestamp, which all its packets share (RFC 4733 section 2.5.1),
    so the first packet that arrives is enough, be it the start, an update or the end.
    """

    def __init__(self) -> None:
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)
        self._continues: tuple[int, int] | None = None  # timestamp and code of the next segment

    def receive(self, payload: bytes, timestamp: int) -> str | None:
        """The digit this packet is the first to tell, or None.

        Raises ValueError when the payload is no telephone-event.
        """
        if len(payload) < _EVENT_LENGTH:
            raise ValueError(f"telephone-event is {len(payload)} octets, shorter than 4")
        code = payload[0]
        duration = int.from_bytes(payload[2:4], "big")
        goes_on = self._continues == (timestamp, code)
        if duration == _SEGMENT:
            self._continues = ((timestamp + _SEGMENT) & 0xFFFFFFFF, code)
        if timestamp in self._seen:
            return None
        self._seen.append(timestamp)
        if goes_on or code >= len(DIGITS):
            return None
        return DIGITS[code]
