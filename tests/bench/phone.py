"""One caller's telephone: sends marked G.711 frames and notes what is heard of them, and when.

It learns where to send from the first packet it hears, as a bridge does, and takes a new source
for a new call.
"""

from __future__ import annotations  # array is generic only to type checkers until 3.12

import random
import socket
import struct
from array import array
from dataclasses import dataclass, field

from tests.bench.marker import FRAME_BYTES, FRAMES, SILENCE, Finder, frame, frame_id

__all__ = ["Phone", "Record"]

_SO_TIMESTAMPNS = 35  # socket(7); Python has no name for it
_CONTROL_BYTES = socket.CMSG_SPACE(16)
_HEADER = struct.Struct("!BBHII")  # RFC 3550 section 5.1
_VERSION = 0x80
_DATAGRAM_BYTES = 2048
QUIET_S = 0.5
"""A call is over when nothing was heard for so long."""


@dataclass(slots=True)
class Record:
    """What all phones saw during one window, times in seconds by the monotonic clock."""

    sent: int = 0
    late: array[float] = field(default_factory=lambda: array("d"))
    """How late each packet left, against the absolute schedule."""
    identity: array[float] = field(default_factory=lambda: array("d"))
    """Frames that came back,"""
    sent_at: array[float] = field(default_factory=lambda: array("d"))
    """when they were sent,"""
    heard_at: array[float] = field(default_factory=lambda: array("d"))
    """and when their first byte reached our socket."""
    packet_of: array[float] = field(default_factory=lambda: array("d"))
    """The caller of each packet received,"""
    packet_time: array[float] = field(default_factory=lambda: array("d"))
    """its RTP timestamp, in seconds,"""
    packet_at: array[float] = field(default_factory=lambda: array("d"))
    """and when it reached our socket."""
    filled: int = 0
    """Packets wholly silent, in calls that had begun to hear their echo."""

    def columns(self) -> dict[str, array[float]]:
        """The columns by name."""
        return {
            "late": self.late,
            "identity": self.identity,
            "sent_at": self.sent_at,
            "heard_at": self.heard_at,
            "packet_of": self.packet_of,
            "packet_time": self.packet_time,
            "packet_at": self.packet_at,
        }


class Phone:
    """The telephone of caller `number`; `sockets` are its RTP and RTCP sockets."""

    def __init__(self, number: int, rtp: socket.socket, *, wall: float) -> None:
        """`wall` is what to add to the monotonic clock to get the kernel's time of day."""
        rtp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        rtp.setblocking(False)
        self.port: int = rtp.getsockname()[1]
        self.socket = rtp
        self._number = number
        self._wall = wall
        self._remote: tuple[str, int] | None = None
        self._heard_at = 0.0
        self._echoed = False
        self._finder = Finder()
        self._source = random.getrandbits(32)
        self._frames = 0
        self._sent_at = array("d", bytes(8 * FRAMES))

    def live(self, now: float) -> bool:
        """Whether a call is up."""
        return now - self._heard_at < QUIET_S

    def send(self, now: float) -> bool:
        """Send the next frame, if a call is up."""
        if self._remote is None or not self.live(now):
            return False
        number = self._frames
        self._frames = number + 1
        header = _HEADER.pack(
            _VERSION,
            0,
            number & 0xFFFF,
            number * FRAME_BYTES & 0xFFFFFFFF,
            self._source,
        )
        self._sent_at[number % FRAMES] = now
        self.socket.sendto(header + frame(frame_id(self._number, number)), self._remote)
        return True

    def receive(self, record: Record) -> None:
        """Take one packet. Its time is the kernel's: our own lateness does not count."""
        try:
            data, control, _, source = self.socket.recvmsg(_DATAGRAM_BYTES, _CONTROL_BYTES)
        except BlockingIOError:
            return
        seconds, nanoseconds = struct.unpack("qq", control[0][2])
        at = seconds + nanoseconds / 1e9 - self._wall
        if source != self._remote:
            self._answer(source)
        self._heard_at = at
        timestamp = int.from_bytes(data[4:8], "big")
        record.packet_of.append(self._number)
        record.packet_time.append(timestamp / 8000)
        record.packet_at.append(at)
        payload = data[_HEADER.size :]
        for identity, began in self._finder.feed(payload, at):
            sent_at = self._sent_at[identity % FRAMES]
            if not sent_at:  # never sent: noise, or a frame that was stretched, looks like a mark
                continue
            self._echoed = True
            record.identity.append(identity)
            record.sent_at.append(sent_at)
            record.heard_at.append(began)
        if self._echoed and payload.count(SILENCE) == len(payload):
            record.filled += 1

    def _answer(self, source: tuple[str, int]) -> None:
        """Begin to talk with a new party."""
        self._remote = source
        self._echoed = False
        self._finder = Finder()
        self._source = random.getrandbits(32)
