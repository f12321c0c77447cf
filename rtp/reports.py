"""The RTCP conversation of one stream: what to report and when, what the peer's reports mean."""

import random
import secrets
from dataclasses import dataclass

from rtp import rtcp
from rtp.stats import StreamStats

__all__ = ["Reported", "Reports", "ntp_time"]

_DEAF = 0.99  # share lost; all lost is reported as 255/256
_INTERVAL_S = 5.0  # RFC 3550 section 6.2: the least between two reports
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


def ntp_time(unix_s: float) -> int:
    """64-bit NTP time of a Unix time."""
    return (int(unix_s) + _NTP_EPOCH << 32) | int(unix_s % 1 * (1 << 32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One stream at the moment of a report."""

    ssrc: int
    timestamp: int
    """RTP timestamp of now."""
    clock_rate: int
    peer: int | None
    """The SSRC we receive, None before its first packet."""
    base: int = 0
    """Sequence number the peer was taken up with."""
    highest: int = 0
    """Highest one since, extended by its wraps."""
    received: int = 0
    """Packets from the peer since."""


class Reports:
    """Writes our reports and reads the peer's. Sans I/O; NTP time comes in with each call."""

    def __init__(self, *, stats: StreamStats) -> None:
        self._stats = stats
        self._cname = secrets.token_hex(8)  # RFC 7022: of no use to anyone who sees it
        self._numbering: tuple[int, int] | None = None  # the peer's SSRC and base
        self._expected_prior = 0
        self._received_prior = 0
        self._last_report = 0  # middle of the NTP time in the peer's last sender report
        self._last_report_at = 0  # ours, when it came

    def interval(self) -> float:
        """Seconds until the next report, spread as RFC 3550 section 6.3.1 wants it."""
        return _INTERVAL_S * random.uniform(0.5, 1.5)  # noqa: S311 - keeps peers out of step

    def write(self, stream: Reported, ntp: int) -> bytes:
        """Our report, with our name."""
        return rtcp.serialize(*self._packets(stream, ntp))

    def write_bye(self, stream: Reported, ntp: int) -> bytes:
        """Our last report and goodbye."""
        return rtcp.serialize(*self._packets(stream, ntp), rtcp.Bye(sources=(stream.ssrc,)))

    def read(self, data: bytes, stream: Reported, ntp: int) -> None:
        """Take what the peer reports. Raises ValueError when it is no RTCP."""
        for packet in rtcp.parse(data):
            if not isinstance(packet, rtcp.Report):
                continue
            if packet.ntp is not None and packet.ssrc == stream.peer:
                self._last_report = _middle(packet.ntp)
                self._last_report_at = _middle(ntp)
            for reception in packet.receptions:
                if reception.ssrc == stream.ssrc:
                    self._note(reception, stream.clock_rate, ntp)

    def _packets(self, stream: Reported, ntp: int) -> tuple[rtcp.Packet, ...]:
        sent = self._stats.sent > 0
        report = rtcp.Report(
            ssrc=stream.ssrc,
            ntp=ntp if sent else None,
            timestamp=stream.timestamp,
            packets=self._stats.sent,
            octets=self._stats.sent_bytes & 0xFFFFFFFF,
            receptions=() if stream.peer is None else (self._reception(stream, ntp),),
        )
        return report, rtcp.SourceDescription(ssrc=stream.ssrc, cname=self._cname)

    def _reception(self, stream: Reported, ntp: int) -> rtcp.Reception:
        """RFC 3550 appendix A.3."""
        assert stream.peer is not None
        if self._numbering != (stream.peer, stream.base):
            self._numbering = (stream.peer, stream.base)
            self._expected_prior = self._received_prior = 0
        expected = stream.highest - stream.base + 1
        expected_now = expected - self._expected_prior
        lost_now = expected_now - (stream.received - self._received_prior)
        self._expected_prior, self._received_prior = expected, stream.received
        fraction = lost_now / expected_now if expected_now > 0 and lost_now > 0 else 0.0
        delay = (_middle(ntp) - self._last_report_at) & 0xFFFFFFFF if self._last_report else 0
        return rtcp.Reception(
            ssrc=stream.peer,
            fraction_lost=fraction,
            lost=expected - stream.received,
            highest=stream.highest,
            jitter=int(self._stats.jitter * stream.clock_rate),
            last_report=self._last_report,
            delay=delay,
        )

    def _note(self, reception: rtcp.Reception, clock_rate: int, ntp: int) -> None:
        stats = self._stats
        stats.remote_reports += 1
        stats.remote_deaf = stats.remote_deaf + 1 if reception.fraction_lost >= _DEAF else 0
        stats.remote_lost = reception.lost
        stats.remote_fraction_lost = reception.fraction_lost
        stats.remote_jitter = reception.jitter / clock_rate
        if reception.last_report:
            round_trip = (_middle(ntp) - reception.last_report - reception.delay) & 0xFFFFFFFF
            if round_trip < 0x80000000:  # a delay longer than the time passed is the peer's error
                stats.rtt = round_trip / 65536


def _middle(ntp: int) -> int:
    return ntp >> 16 & 0xFFFFFFFF
