"""Port pairs for RTP and RTCP, bound when leased and kept bound for a while after use."""

import errno
import ipaddress
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rtp.latch import Address

__all__ = ["NoPorts", "PortPair", "PortPool"]

logger = logging.getLogger(__name__)

_EXPEDITED = 46 << 2  # DSCP EF in the traffic class octet (RFC 4594 section 4.1)
_DRAINED_BUFFER = 0  # SO_RCVBUF of a pair nobody reads; the kernel rounds it up to its least


class NoPorts(Exception):
    """Every port pair of the range is in use, draining, or taken by another program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPair:
    """Two bound, non-blocking UDP sockets: RTP on an even port, RTCP on the next one."""

    rtp_port: int
    rtcp_port: int
    rtp: socket.socket
    rtcp: socket.socket

    def towards(self, remote: Address) -> Address:
        """`remote` as these sockets name it, in what they send to and in what they receive from.

        An IPv4 host is an IPv6 one to a socket of that family (RFC 4291 section 2.5.5.2). A name
        instead of an address is nobody, port 0: looking it up would hold everybody up.
        """
        host, port = remote[:2]
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return _nobody(self.rtp.family)
        if address.version == 4 and self.rtp.family == socket.AF_INET6:
            return f"::ffff:{address}", port
        return str(address), port


def _nobody(family: int) -> Address:
    return ("::" if family == socket.AF_INET6 else "0.0.0.0"), 0


class PortPool:
    """Leases port pairs of a range, in turn, so that a number rests as long as can be.

    A released pair stays bound and unread: packets still on their way to the last call must not
    reach the next one. Thread-safe: the SIP thread leases while the event loop releases.
    """

    def __init__(
        self,
        low: int,
        high: int,
        *,
        bind_address: str = "0.0.0.0",
        drain_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Share out ports `low` to `high`, both included; nothing is bound yet.

        `clock` tells the time by which drained pairs are closed, the event loop's `time()`.
        """
        self._numbers = deque(range(low + low % 2, high, 2))
        self._address = bind_address
        version = ipaddress.ip_address(bind_address).version
        self._family = socket.AF_INET6 if version == 6 else socket.AF_INET
        self._drain_s = drain_s
        self._clock = clock
        self._leased: dict[int, PortPair] = {}
        self._drained: deque[tuple[float, PortPair]] = deque()
        self._lock = threading.Lock()
        self.capacity = len(self._numbers)
        """Pairs in the range."""

    @property
    def in_use(self) -> int:
        """Pairs leased now."""
        return len(self._leased)

    @property
    def draining(self) -> int:
        """Pairs released and still bound."""
        return len(self._drained)

    def lease(self) -> PortPair:
        """Bind the next free pair. Raises NoPorts when there is none."""
        with self._lock:
            self._reap(self._clock())
            for _ in range(len(self._numbers)):
                number = self._numbers.popleft()
                pair = self._bind(number)
                if pair is not None:
                    self._leased[number] = pair
                    return pair
                self._numbers.append(number)
        raise NoPorts(
            f"no port pair free of {self.capacity}: {self.in_use} in use, {self.draining} draining,"
            f" {len(self._numbers)} with other programs"
        )

    def claim(self, rtp_port: int) -> PortPair:
        """The pair leased under this number. Raises KeyError when there is none."""
        with self._lock:
            return self._leased[rtp_port]

    def release(self, pair: PortPair, now: float) -> None:
        """Take a pair back, to be closed once drained. A second time does nothing."""
        with self._lock:
            if self._leased.pop(pair.rtp_port, None) is None:
                return
            for sock in (pair.rtp, pair.rtcp):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DRAINED_BUFFER)
            self._drained.append((now + self._drain_s, pair))

    def reap(self, now: float) -> None:
        """Close the pairs that have drained long enough."""
        with self._lock:
            self._reap(now)

    def close(self) -> None:
        """Close every pair, in use or not."""
        with self._lock:
            self._reap(float("inf"))
            for pair in self._leased.values():
                _close(pair)
            self._leased.clear()

    def _reap(self, now: float) -> None:
        while self._drained and self._drained[0][0] <= now:
            _, pair = self._drained.popleft()
            _close(pair)
            self._numbers.append(pair.rtp_port)

    def _bind(self, number: int) -> PortPair | None:
        """The pair at this number, or None when another program has one of its ports."""
        sockets: list[socket.socket] = []
        try:
            for port in (number, number + 1):
                sockets.append(self._socket(port))  # noqa: PERF401 - the first must be known if the second fails
        except OSError as error:
            for sock in sockets:
                sock.close()
            if error.errno == errno.EADDRINUSE:
                logger.debug("= port pair %d is taken by another program", number)
                return None
            raise NoPorts(f"cannot bind {self._address} port {number}: {error.strerror}") from error
        return PortPair(rtp_port=number, rtcp_port=number + 1, rtp=sockets[0], rtcp=sockets[1])

    def _socket(self, port: int) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if self._family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
            sock.bind((self._address, port))
        except OSError:
            sock.close()
            raise
        return sock


def _close(pair: PortPair) -> None:
    pair.rtp.close()
    pair.rtcp.close()
