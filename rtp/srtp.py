"""Encrypted RTP and RTCP (RFC 3711) with keys that signalling settled.

What turns packets into encrypted ones and back is a `Context`, one for each way: `_srtp.c` on
OpenSSL's libcrypto where it was compiled, else libsrtp.
"""

import contextlib
import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from rtp.packet import is_rtcp
from rtp.stats import StreamStats

__all__ = ["SUITES", "Context", "Keys", "Srtp", "Suite", "available"]


class Suite(NamedTuple):
    """Lengths in octets of what a suite of RFC 4568 is made of."""

    key: int
    octets: int
    """Master key and salt together."""
    tag: int
    """What each RTP packet grows by."""


SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": Suite(16, 30, 10),
    "AES_CM_128_HMAC_SHA1_32": Suite(16, 30, 4),
    "AES_256_CM_HMAC_SHA1_80": Suite(32, 46, 10),
    "AES_256_CM_HMAC_SHA1_32": Suite(32, 46, 4),
    "AEAD_AES_128_GCM": Suite(16, 28, 16),
    "AEAD_AES_256_GCM": Suite(32, 44, 16),
}

_REPLAYED: Final = 2


class Context(Protocol):
    """One way of a stream under one master key: roll-over count and replay window of each source.

    A packet that does not hold gives a number instead: 2 if it has come before, or is too old to
    tell, else 1.
    """

    def protect(self, packet: bytes, /) -> bytes:
        """An RTP packet encrypted. Raises ValueError when it cannot be."""

    def protect_rtcp(self, packet: bytes, /) -> bytes:
        """A compound RTCP packet encrypted. Raises ValueError when it cannot be."""

    def unprotect(self, datagram: bytes, /) -> bytes | int:
        """The RTP packet in a datagram."""

    def unprotect_rtcp(self, datagram: bytes, /) -> bytes | int:
        """The compound RTCP packet in a datagram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """One suite, and the master key with its salt for each way."""

    suite: str
    """As RFC 4568 names it."""
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)


class Srtp:
    """Both directions of one stream, RTP and RTCP. What does not hold is counted and dropped."""

    def __init__(self, keys: Keys, *, stats: StreamStats) -> None:
        """Start with `keys`. Raises ValueError for an unknown suite or a key of wrong length."""
        self._stats = stats
        self._keys = keys
        self._outbound = context(keys.suite, keys.send)
        self._inbound = context(keys.suite, keys.receive)
        self._former: Context | None = None

    def rekey(self, keys: Keys) -> None:
        """Go on with other keys; where a key is the same, its packet count goes on with it.

        What is still under way under the peer's former key is taken until the first packet
        under the new one. Raises ValueError as the constructor does.
        """
        suite, former = keys.suite, self._keys
        changed = suite != former.suite
        outbound, inbound = self._outbound, self._inbound
        if changed or keys.send != former.send:
            outbound = context(suite, keys.send)
        if changed or keys.receive != former.receive:
            inbound = context(suite, keys.receive)
            self._former = self._inbound
        self._keys, self._outbound, self._inbound = keys, outbound, inbound

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet as it goes on the wire. Raises ValueError when it cannot go."""
        return self._outbound.protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet as it goes on the wire. Raises ValueError when it cannot go."""
        return self._outbound.protect_rtcp(packet)

    def unprotect(self, datagram: bytes) -> bytes | None:
        """The packet in a datagram of the RTP port, which may be RTCP; None when it is not ours."""
        if is_rtcp(datagram):
            return self.unprotect_rtcp(datagram)
        packet = self._inbound.unprotect(datagram)
        if isinstance(packet, int):
            former = self._former
            return self._otherwise(packet, None if former is None else former.unprotect(datagram))
        self._former = None
        return packet

    def unprotect_rtcp(self, datagram: bytes) -> bytes | None:
        """The RTCP packet in a datagram; None when it is not ours."""
        packet = self._inbound.unprotect_rtcp(datagram)
        if isinstance(packet, int):
            former = self._former
            return self._otherwise(
                packet, None if former is None else former.unprotect_rtcp(datagram)
            )
        return packet

    def reopen(self, datagram: bytes) -> bytes | None:
        """The packet in a datagram that was refused, and counted, before the keys of now."""
        stats = self._stats
        before = stats.unauthenticated, stats.replayed
        packet = self.unprotect(datagram)
        stats.unauthenticated, stats.replayed = before
        return packet

    def _otherwise(self, refused: int, packet: bytes | int | None) -> bytes | None:
        """What the key of now does not open, the former one may have."""
        if isinstance(packet, bytes):
            return packet
        if refused == _REPLAYED:
            self._stats.replayed += 1
        else:
            self._stats.unauthenticated += 1
        return None


@functools.cache
def available() -> tuple[str, ...]:
    """The suites that can be done here: AEAD_AES_GCM needs OpenSSL, or a libsrtp that has it."""
    able = []
    for suite, (_, octets, _) in SUITES.items():
        with contextlib.suppress(ValueError):
            context(suite, bytes(octets))
            able.append(suite)
    return tuple(able)


def context(suite: str, key: bytes) -> Context:
    """A fresh context. Raises ValueError for an unknown suite or a key of wrong length."""
    try:
        size, octets, tag = SUITES[suite]
    except KeyError:
        raise ValueError(f"no SRTP suite {suite} here") from None
    if len(key) != octets:
        raise ValueError(f"{suite} has keys of {octets} octets, not {len(key)}")
    return _form()(key[:size], key[size:], tag)


@functools.cache
def _form() -> Callable[[bytes, bytes, int], Context]:
    """The compiled contexts where there are any, else libsrtp's."""
    try:
        module = importlib.import_module("rtp._srtp")
    except ImportError:
        module = importlib.import_module("rtp.libsrtp")
    made: Callable[[bytes, bytes, int], Context] = module.Context
    return made
