"""The sockets of one RTP stream, and what turns between them at the beat of the metronome.

    socket --> receiver --> uplink ---------> (the stream hears)
                  | latch     ^ tick
                  v target    |
    socket <-------------- downlink <-------- (the stream speaks)
    socket <--> control (RTCP)

Of two wires with the same codec the one may send on what comes to the other: `rtp.relay`.

When it is read and when it sends is the metronome's business, which serves all streams of the loop.
The sockets stay ours, to be kept bound after the call.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from rtp.control import Control
from rtp.datagrams import datagrams
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.latch import Address, Latch
from rtp.metronome import Metronome, Served
from rtp.packet import HEADER_LENGTH
from rtp.ports import PortPair, PortPool
from rtp.receiver import Receiver
from rtp.relay import Relay
from rtp.reports import Reported
from rtp.srtp import Keys, Srtp
from rtp.stats import StreamStats
from rtp.uplink import Uplink

__all__ = ["Wire"]

logger = logging.getLogger(__name__)

_ROUNDING_S: Final = 0.001  # uvloop's timers count whole milliseconds
_BACKLOG: Final = 160  # datagrams read at once after a stall; 3.2 s of frames of 20 ms
_STALE: Final = 512  # datagrams thrown away at most when a stream opens
_REFUSED: Final = 8  # encrypted packets kept that may be under keys we are about to be told
_NOWHERE: Final = frozenset({"0.0.0.0", "::"})  # on hold in the manner of RFC 2543


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What the last offer/answer settled."""

    audio: Format
    remote: Address
    send: bool
    receive: bool
    remote_rtcp: Address | None
    rtcp_mux: bool
    keys: Keys | None = field(repr=False)


class Wire(Served):
    """A stream as the network sees it: agreed on, read, sent. `Stream` is its other end."""

    def __init__(
        self,
        ports: PortPair,
        *,
        on_digit: Callable[[str], None] | None,
        on_talkspurt: Callable[[float], None] | None,
        relatch_after_s: float,
        reorder_cap_s: float,
    ) -> None:
        super().__init__()
        self.ports = ports
        self.stats = StreamStats()
        self._on_digit = on_digit
        self._on_talkspurt = on_talkspurt
        self._relatch_after_s = relatch_after_s
        self._reorder_cap_s = reorder_cap_s
        self._control = Control(
            ports.rtcp,
            shared=ports.rtp,
            stats=self.stats,
            reported=self._reported,
            on_report=self._heed_report,
        )
        self._terms: _Terms | None = None
        self._srtp: Srtp | None = None
        self._refused: deque[tuple[bytes, Address]] = deque(maxlen=_REFUSED)
        self._onto: Wire | None = None  # who sends on what comes here, where that can be
        self._from: Wire | None = None  # whose packets we send on
        self._gap: asyncio.TimerHandle | None = None
        self._played = asyncio.Event()
        self._played.set()
        self._closed = False

    def hear(self, pcm: bytes) -> None:
        """Take a frame of the caller's audio, once it is in order."""
        raise NotImplementedError

    def expect(self, audio: Format) -> None:
        """Another format has been agreed on."""
        raise NotImplementedError

    @property
    def listened(self) -> bool:
        """Whether anybody wants the sound of what is relayed."""
        raise NotImplementedError

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

    def configure(
        self,
        audio: Format,
        remote: Address,
        *,
        send: bool = True,
        receive: bool = True,
        remote_rtcp: Address | None = None,
        rtcp_mux: bool = False,
        keys: Keys | None = None,
    ) -> None:
        """Follow an offer/answer. The first one starts the audio, in both directions.

        Without `receive` silence goes up, without `send` nothing leaves: a held call has neither.
        The remote may move its source once after each change. `remote_rtcp` defaults to the port
        after the remote's; with `rtcp_mux` RTCP shares the port of RTP. With `keys` all is SRTP,
        and nothing else is taken. Raises ValueError when the encoding or the suite of the keys is
        not known here.
        """
        terms = _Terms(
            audio=audio,
            remote=remote,
            send=send,
            receive=receive,
            remote_rtcp=remote_rtcp,
            rtcp_mux=rtcp_mux,
            keys=keys,
        )
        if terms == self._terms:
            return
        self._encrypt(keys)
        signalled = self.ports.towards(remote)
        if self._terms is None:
            self._start(audio, signalled)
        else:
            self._receiver.latch.reopen(signalled)
            if audio != self._terms.audio:
                self._reformat(audio)
        self._terms = terms
        self._frame_s = audio.frame_s
        somewhere = remote[0] not in _NOWHERE and remote[1] != 0
        self._downlink.sending = send and somewhere
        self._downlink.reachable = somewhere
        self._receiver.receiving = receive
        if not receive:
            self._uplink.pause()
        rtcp = None if remote_rtcp is None else self.ports.towards(remote_rtcp)
        self._control.aim(self._receiver.latch.target, rtcp, muxed=rtcp_mux)
        self._join()
        if self._from is not None:
            self._from._join()
        if self._refused:
            self._reopen()
        logger.debug("= stream %d %s", self.ports.rtp_port, terms)
        self._poke()

    def _start(self, audio: Format, remote: Address) -> None:
        now = self._time()
        self._metronome.hurry()
        self._uplink = Uplink(
            audio,
            on_pcm=self.hear,
            stats=self.stats,
            now=now,
            reorder_cap_s=self._reorder_cap_s,
        )
        self._downlink = Downlink(audio, stats=self.stats, now=now)
        self._receiver = Receiver(
            audio,
            latch=Latch(remote, silence_s=self._relatch_after_s, on_latch=self._control.follow),
            uplink=self._uplink,
            stats=self.stats,
            on_digit=self._on_digit,
            on_rtcp=self._control.take,
        )
        self.expect(audio)

    def onto(self, other: "Wire | None") -> None:
        """Have `other` send on what comes here, whenever both have agreed on the same codec."""
        former = self._onto
        if former is not other:
            if former is not None:
                former._from = None
            self._onto = other
            if other is not None:
                other._from = self
            self._join(former)

    def _join(self, former: "Wire | None" = None) -> None:
        """Begin a relay anew, or end it, by what the last offers and answers settled."""
        if self._terms is None:
            return
        self._uplink.connect(None)
        for wire in (former, self._onto):
            if wire is not None and wire._terms is not None:
                wire._downlink.release()
        other = self._onto
        if other is None or other._terms is None:
            return
        audio = self._terms.audio
        if other._terms.audio.bears(audio):
            self._uplink.connect(Relay(audio, other._downlink, send=other._send))
            self.note_listeners()

    def note_listeners(self) -> None:
        """Somebody begins to listen to what comes here, or does so no more."""
        if self._terms is not None:
            self._uplink.listened = self.listened

    def _encrypt(self, keys: Keys | None) -> None:
        if keys is None:
            self._srtp = None
        elif self._srtp is None:
            self._srtp = Srtp(keys, stats=self.stats)
        else:
            self._srtp.rekey(keys)
        self._control.srtp = self._srtp

    def _reformat(self, audio: Format) -> None:
        now = self._time()
        self.expect(audio)
        self._uplink.reformat(audio, now)
        self._downlink.reformat(audio, now)
        self._receiver.reformat(audio)

    def _hang_up(self, pool: PortPool) -> None:
        """Say goodbye by RTCP, stop, and hand the ports back."""
        self._closed = True
        self.onto(None)
        if self._from is not None:
            self._from.onto(None)
        self._control.close()
        if self._gap is not None:
            self._gap.cancel()
        self._metronome.remove(self, self.ports.rtp.fileno())
        self._played.set()
        self._on_digit = self._on_talkspurt = None
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
