"""Telephone events: the digits a caller presses, and those we press (RFC 4733)."""

import struct
from collections import deque
from dataclasses import dataclass
from typing import Final

from rtp.format import Format

__all__ = [
    "DIGITS",
    "DIGITS_CAPACITY",
    "EVENLY",
    "DigitReceiver",
    "DigitSender",
    "Keyed",
    "Rhythm",
    "dialled",
]

DIGITS: Final = "0123456789*#ABCD"
"""Digit of each event code (RFC 4733 section 3.2)."""

_EVENT_LENGTH: Final = 4  # octets: code, end and volume, duration
_REMEMBERED: Final = 16  # events; the packets of one keep coming for a while after the next began
_SEGMENT: Final = 0xFFFF  # longest duration one event can state; a longer press goes on in another

DIGITS_CAPACITY: Final = 128
"""Digits and waits that may be queued for sending."""

_WAITS_MS = {"W": 500, ",": 2000}
_LEAST_MS: Final = 40  # of a tone, and of the pause after it, that anyone has to hear (Q.24)
_LONGEST_TONE_MS: Final = 1000  # one event states 1.3 s at 48 kHz
_LONGEST_PAUSE_MS: Final = 10_000
_ENDS: Final = 3  # times the last packet of an event is sent (RFC 4733 section 2.5.1.4)
_VOLUME: Final = 10  # -10 dBm0
_END: Final = 0x80
_EVENT: Final = struct.Struct("!BBH")  # code, end and volume, duration


class DigitReceiver:
    """Tells each digit exactly once, however many of its packets come, or how few.

    An event is known by its RTP timestamp, which all its packets share (RFC 4733 section 2.5.1),
    so the first packet that arrives is enough, be it the start, an update or the end. Another key
    is another event, though a gateway whose clock stands still gives it the same timestamp.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
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
        if (timestamp, code) in self._seen:
            return None
        self._seen.append((timestamp, code))
        if goes_on or code >= len(DIGITS):
            return None
        return DIGITS[code]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How long each digit sounds, and how long until the next. ValueError beyond sense."""

    tone_ms: int = 100
    pause_ms: int = 100

    def __post_init__(self) -> None:
        if not _LEAST_MS <= self.tone_ms <= _LONGEST_TONE_MS:
            raise ValueError(f"a digit lasts {_LEAST_MS} to {_LONGEST_TONE_MS} ms")
        if not _LEAST_MS <= self.pause_ms <= _LONGEST_PAUSE_MS:
            raise ValueError(f"a pause lasts {_LEAST_MS} to {_LONGEST_PAUSE_MS} ms")


EVENLY: Final = Rhythm()


def dialled(digits: str) -> str:
    """`digits` as they are sent: `w` waits half a second, `,` two; case does not matter.

    Raises ValueError, which does not repeat them, when they are none.
    """
    upper = digits.upper()
    if not upper or any(each not in DIGITS and each not in _WAITS_MS for each in upper):
        raise ValueError("digits are 0-9 * # A-D, with w and , to wait")
    if len(upper) > DIGITS_CAPACITY:
        raise ValueError(f"more than {DIGITS_CAPACITY} digits")
    return upper


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """What one slot holds of a digit that is being sent."""

    code: int
    began: int
    """The digit's first slot: all its packets bear that slot's timestamp."""
    slots: int
    """How long it has lasted, this slot included."""
    frame: int
    """How many of its packets went before."""
    end: bool
    """The tone is over with this slot, or was before: the last packet, or its repetition."""
    sounding: bool
    """The tone lasts through this slot."""
    inband: bool
    """It is to be a tone, though telephone-event may be there."""

    def payload(self, ticks: int) -> bytes:
        """The telephone-event, where a slot has `ticks` of the event's clock."""
        end = _END if self.end else 0
        return _EVENT.pack(self.code, end | _VOLUME, min(self.slots * ticks, _SEGMENT))


class DigitSender:
    """Digits one after another, in the slots of the downlink. Sans I/O.

        slot      0      1      2      3      4      5      6      7      8     9
        packet  start update update update  end    end    end    pause  pause  next digit
                 '------------ tone -----------'

    No speech goes out from a digit's start to the end of its pause; while we wait it does.
    """

    def __init__(self, audio: Format) -> None:
        self._symbols: deque[tuple[str, Rhythm, bool]] = deque()  # the last: whether inband
        self._used = 0  # slots that the first symbol has had
        self._began = 0
        self._slots = 0
        self.reformat(audio)

    def reformat(self, audio: Format) -> None:
        """Go on under another format; a digit already begun has been heard, and is not resumed."""
        self._ptime = audio.ptime
        if self.muting and self._used:
            self._finish()

    @property
    def busy(self) -> bool:
        """Whether there is anything left to send or to wait for."""
        return bool(self._symbols)

    @property
    def muting(self) -> bool:
        """Whether the next slot is a digit's, and no speech may be in it."""
        return bool(self._symbols) and self._symbols[0][0] not in _WAITS_MS

    def dial(self, digits: str, rhythm: Rhythm = EVENLY, *, inband: bool = False) -> None:
        """Queue digits. Raises ValueError as `dialled` does, or when there are too many."""
        symbols = dialled(digits)
        if len(self._symbols) + len(symbols) > DIGITS_CAPACITY:
            raise ValueError(f"more than {DIGITS_CAPACITY} digits wait to be sent")
        self._symbols.extend((symbol, rhythm, inband) for symbol in symbols)

    def take(self, slot: int) -> Keyed | None:
        """What to send in `slot`: a part of a digit, or None for silence or speech."""
        symbol, rhythm, inband = self._symbols[0]
        used = self._used
        self._used += 1
        wait_ms = _WAITS_MS.get(symbol)
        if wait_ms is not None:
            if self._used * self._ptime >= wait_ms:
                self._finish()
            return None
        if used == 0:
            self._began = slot
        tone = -(-rhythm.tone_ms // self._ptime)
        span = tone + max(-(-rhythm.pause_ms // self._ptime), _ENDS)
        sounding = used < tone
        if sounding:
            self._slots = slot - self._began + 1
        if self._used >= span:
            self._finish()
        if used >= tone + _ENDS - 1:
            return None
        return Keyed(
            code=DIGITS.index(symbol),
            began=self._began,
            slots=self._slots,
            frame=used,
            end=used >= tone - 1,
            sounding=sounding,
            inband=inband,
        )

    def _finish(self) -> None:
        self._symbols.popleft()
        self._used = 0
