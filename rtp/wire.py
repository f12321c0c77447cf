"""The sockets of one RTP stream, and what turns between them at the beat of the metronome.

    socket --> receiver --> uplink ---------> (the stream hears)
                  | latch     ^ tick
                  v target    |
    socket <-------------- downlink <-------- (the stream speaks)
    socket <--> control (RTCP)

What is between the sockets is made and changed by what is agreed on: `rtp.line`.

When it is read and when it sends is the metronome's business, which serves all streams of the loop.
The sockets stay ours, to be kept bound after the call.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from rtp.control import Control
from rtp.datagrams import datagrams
from rtp.downlink import Downlink
from rtp.latch import Address
from rtp.metronome import Metronome, Served
from rtp.packet import HEADER_LENGTH
from rtp.ports import PortPair, PortPool
from rtp.receiver import Receiver
from rtp.reports import Reported
from rtp.srtp import Srtp
from rtp.stats import StreamStats
from rtp.terms import Terms
from rtp.uplink import Uplink

__all__ = ["Wire"]

_ROUNDING_S: Final = 0.001  # uvloop's timers count whole milliseconds
_BACKLOG: Final = 160  # datagrams read at once after a stall; 3.2 s of frames of 20 ms
_STALE: Final = 512  # datagrams thrown away at most when a stream opens
_REFUSED: Final = 8  # encrypted packets kept that may be under keys we are about to be told


class Wire(Served):
    """A stream as the network sees it: read and sent, from the first terms to the end."""

    _uplink: Uplink
    _downlink: Downlink
    _receiver: Receiver
    _frame_s: float

    def __init__(self, ports: PortPair, *, on_talkspurt: Callable[[float], None] | None) -> None:
        super().__init__()
        self.ports = ports
        self.stats = StreamStats()
        self._on_talkspurt = on_talkspurt
        self._control = Control(
            ports.rtcp,
            shared=ports.rtp,
            stats=self.stats,
            reported=self._reported,
            on_report=self._heed_report,
        )
        self._terms: Terms | None = None
        self._srtp: Srtp | None = None
        self._refused: deque[tuple[bytes, Address]] = deque(maxlen=_REFUSED)
        self._gap: asyncio.TimerHandle | None = None
        self._played = asyncio.Event()
        self._played.set()
        self._closed = False

    async def open(self) -> None:
        """Attach the sockets to the running loop. What came before now is thrown away."""
        self._loop = asyncio.get_running_loop()
        self._metronome = Metronome.of(self._loop)
        self._time = self._metronome.time
        socket = datagrams(self.ports.rtp)
        self._receive, self._transmit = socket.receive, socket.send
        with contextlib.suppress(OSError):
            for _ in range(_STALE):
                self.ports.rtp.recv(1)
        self._metronome.add(self, self.ports.rtp.fileno())
        self._control.open(self._loop)

    def _hang_up(self, pool: PortPool) -> None:
        """Say goodbye by RTCP, stop, and hand the ports back."""
        self._closed = True
        self._control.close()
        if self._gap is not None:
            self._gap.cancel()
        self._metronome.remove(self, self.ports.rtp.fileno())
        self._played.set()
        self._on_talkspurt = None
        if self._terms is not None:
            self._uplink.close()
            self._receiver.close()
        pool.release(self.ports, self._time())

    def read(self) -> bool:
        """Take one datagram; whether there was one."""
        came = self._receive()
        if came is None:
            return False
        data, source = came
        if self._terms is not None:
            if self._srtp is not None:
                opened = self._srtp.unprotect(data)
                if opened is None:
                    self._refused.append((data, source))
                    return True
                data = opened
            self._take(data, source)
        return True

    def _take(self, data: bytes, source: Address) -> None:
        self._receiver.take(data, source, self._time())
        if self._uplink.jitter.deadline is not None:
            self._watch_gap()

    def _reopen(self) -> None:
        """Take what came under new keys before we were told them, as the answer crossed it."""
        refused = list(self._refused)
        self._refused.clear()
        srtp = self._srtp
        for data, source in refused:
            opened = None if srtp is None else srtp.reopen(data)
            if opened is not None:
                self._take(opened, source)

    def _on_gap(self) -> None:
        """The wait for a missing packet is over."""
        self._gap = None
        now = self._time()
        deadline = self._uplink.jitter.deadline
        if deadline is not None and deadline <= now + _ROUNDING_S:
            self._uplink.expire(max(now, deadline))
        self._watch_gap()

    def _watch_gap(self) -> None:
        deadline = self._uplink.jitter.deadline
        if deadline is not None and self._gap is None:
            self._gap = self._loop.call_at(deadline, self._on_gap)

    def _poke(self) -> None:
        """Something has come up that need not wait for the next beat."""
        self.beat(self._time())

    def beat(self, now: float) -> None:
        """Send what is due, fill what has not come."""
        downlink = self._downlink
        try:
            packet = downlink.poll(now)
            if packet is not None:
                self._send(packet, now)
            if downlink.idle:
                self._played.set()
            if downlink.pacer.late_s >= self._frame_s:
                self._catch_up()
            self._uplink.tick(now)
        finally:
            self._metronome.schedule(self, downlink.pacer.wake)

    def _catch_up(self) -> None:
        """After a stall of ours: what lies unread in the socket is speech, not silence."""
        for _ in range(_BACKLOG):
            if not self.read():
                return

    def _send(self, packet: bytes, now: float) -> None:
        try:
            wire = packet if self._srtp is None else self._srtp.protect(packet)
            self._transmit(wire, self._receiver.latch.target)
        except (OSError, ValueError):  # a full buffer, no way there: the next may do better
            self.stats.unsent += 1
            return
        self.stats.sent += 1
        self.stats.sent_bytes += len(packet) - HEADER_LENGTH
        if self._downlink.talkspurt and self._on_talkspurt is not None:
            self._on_talkspurt(now)

    def _heed_report(self) -> None:
        self._downlink.heed_report()

    def _reported(self) -> Reported:
        uplink = self._uplink
        assert self._terms is not None
        return Reported(
            ssrc=self._downlink.numbering.ssrc,
            timestamp=self._downlink.timestamp,
            clock_rate=self._terms.audio.clock_rate,
            peer=uplink.ssrc,
            base=uplink.base,
            highest=uplink.highest,
            received=self.stats.received - uplink.received_before,
        )
