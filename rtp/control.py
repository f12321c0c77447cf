"""RTCP of one stream over its socket: reports at their intervals, the peer's reports read."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Final

from rtp.latch import Address
from rtp.reports import Reported, Reports, ntp_time
from rtp.srtp import Srtp
from rtp.stats import StreamStats

__all__ = ["Control"]

_WALL_S: Final = time.time() - time.monotonic()  # a clock that is set must not show as a round trip
_DATAGRAM = 2048  # octets; a compound packet of one stream has about a hundred


class Control:
    """The RTCP side of a stream, from `open` to `close`."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        shared: socket.socket,
        stats: StreamStats,
        reported: Callable[[], Reported],
        on_report: Callable[[], None],
    ) -> None:
        """Talk RTCP over `sock`, or over `shared`, RTP's own, where that is agreed on.

        `reported` tells how the stream stands at that moment; `on_report` hears that the peer has
        told in `stats` what it misses.
        """
        self.srtp: Srtp | None = None
        """Encrypts and decrypts; None while that is not agreed on."""
        self._socket = sock
        self._shared = shared
        self._muxed = False
        self._stats = stats
        self._reported = reported
        self._on_report = on_report
        self._reports = Reports(stats=stats)
        self._media: Address | None = None
        self._target: Address | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the socket; reports begin with `aim`."""
        self._loop = loop
        loop.add_reader(self._socket.fileno(), self._on_readable)

    def aim(self, media: Address, target: Address | None, *, muxed: bool = False) -> None:
        """Send to `target`, or to the port after the one `media` goes to.

        When `muxed` (RFC 5761), from RTP's socket to wherever RTP goes.
        """
        self._media = media
        self._muxed = muxed
        self._target = target
        if self._timer is None:
            self._timer = self._loop.call_later(self._reports.interval(), self._on_interval)

    def follow(self, media: Address) -> None:
        """The peer's audio comes from here: its RTCP must come from the same host."""
        if self._media is None or media[0] != self._media[0]:
            self._target = None
        self._media = media

    def take(self, data: bytes, source: Address) -> None:
        """Read one packet in the clear, of this socket or the one it shares. Never raises."""
        if self._media is None:
            return
        if source[0] != self._media[0]:
            self._stats.strangers += 1
            return
        before = self._stats.remote_reports
        try:
            self._reports.read(data, self._reported(), _now())
        except ValueError:
            self._stats.invalid += 1
            return
        self._target = source
        if self._stats.remote_reports > before:
            self._on_report()

    def close(self) -> None:
        """Say goodbye and stop; the socket stays open."""
        if self._timer is not None:
            self._timer.cancel()
            self._send(self._reports.write_bye(self._reported(), _now()))
        self._loop.remove_reader(self._socket.fileno())
        self._media = None
        self._reported = _nothing
        self._on_report = _unheard

    def _on_readable(self) -> None:
        try:
            data, source = self._socket.recvfrom(_DATAGRAM)
        except OSError:  # nothing there after all, or an ICMP error about an older packet
            return
        plain = data if self.srtp is None else self.srtp.unprotect_rtcp(data)
        if plain is not None:
            self.take(plain, source)

    def _on_interval(self) -> None:
        self._timer = self._loop.call_later(self._reports.interval(), self._on_interval)
        self._send(self._reports.write(self._reported(), _now()))

    def _send(self, data: bytes) -> None:
        assert self._media is not None
        sock, target = self._socket, self._target or (self._media[0], self._media[1] + 1)
        if self._muxed:
            sock, target = self._shared, self._media
        # 65535 has no next port; what is too long cannot be encrypted
        with contextlib.suppress(OSError, OverflowError, ValueError):
            packet = data if self.srtp is None else self.srtp.protect_rtcp(data)
            sock.sendto(packet, target)


def _now() -> int:
    """NTP time, counted on from the process's start."""
    return ntp_time(_WALL_S + time.monotonic())


def _unheard() -> None:
    """Who hears of a report when the stream is closed."""


def _nothing() -> Reported:
    """How a stream stands that is closed."""
    raise AssertionError("a closed stream reports nothing")
