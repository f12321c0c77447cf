"""Encrypted RTP and RTCP (RFC 3711) with keys that signalling settled, by libsrtp.

pylibsrtp makes the contexts; the packets go to its library directly, in one buffer for all: its
own way, which makes a buffer of each packet's length, took 2.2 us a packet instead of 1.3.
"""

import contextlib
import functools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pylibsrtp import ERRORS, Error, Policy, Session
from pylibsrtp._binding import ffi, lib

from rtp.packet import is_rtcp
from rtp.stats import StreamStats

__all__ = ["SUITES", "Keys", "Srtp", "available"]

_AES_128 = struct.pack("@2I", 1, 30)
_AES_256 = struct.pack("@2I", 5, 46)
"""How libsrtp 2 names AES in counter mode: cipher, octets of master key and salt."""
_CIPHER = len(_AES_128)

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AES_256_CM_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 46),
    "AES_256_CM_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 46),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}
"""libsrtp's profile, and octets of master key and salt together, by suite (RFC 4568)."""

_REPLAYED = tuple(ERRORS.index(text) for text in ERRORS if text.startswith("replay check failed"))
_LONGEST = 2048
"""Octets of a datagram; what is encrypted grows by a tag."""
_GROWTH = 32
_BAD_PARAMETER = ERRORS.index("unsupported parameter")
_buffer = ffi.new("char[]", _LONGEST + _GROWTH)
_view = ffi.buffer(_buffer)
_length = ffi.new("int *")
_SSRC = slice(8, 12)
_RTCP_SSRC = slice(4, 8)
_SOURCES = 16
"""SSRCs of one peer that are kept apart; libsrtp would keep any number of them."""


_Function = Callable[[Any, Any, Any], int]


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
        self._outbound = _session(keys.suite, keys.send, Policy.SSRC_ANY_OUTBOUND)
        self._inbound = _session(keys.suite, keys.receive, Policy.SSRC_ANY_INBOUND)
        self._former: Session | None = None
        self._ssrc = b""
        self._sources: set[bytes] = set()

    def rekey(self, keys: Keys) -> None:
        """Go on with other keys; where a key is the same, its packet count goes on with it.

        What is still under way under the peer's former key is taken until the first packet
        under the new one. Raises ValueError as the constructor does.
        """
        suite, former = keys.suite, self._keys
        changed = suite != former.suite
        outbound, inbound = self._outbound, self._inbound
        if changed or keys.send != former.send:
            outbound = _session(suite, keys.send, Policy.SSRC_ANY_OUTBOUND)
        if changed or keys.receive != former.receive:
            inbound = _session(suite, keys.receive, Policy.SSRC_ANY_INBOUND)
            self._former = self._inbound
            self._sources.clear()
            self._ssrc = b""
        self._keys, self._outbound, self._inbound = keys, outbound, inbound

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet as it goes on the wire. Raises ValueError when it cannot go."""
        return _must(lib.srtp_protect, self._outbound, packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet as it goes on the wire. Raises ValueError when it cannot go."""
        return _must(lib.srtp_protect_rtcp, self._outbound, packet)

    def unprotect(self, datagram: bytes) -> bytes | None:
        """The packet in a datagram of the RTP port, which may be RTCP; None when it is not ours."""
        if is_rtcp(datagram):
            return self.unprotect_rtcp(datagram)
        packet = _apply(lib.srtp_unprotect, self._inbound, datagram)
        if isinstance(packet, int):
            return self._otherwise(lib.srtp_unprotect, datagram, packet)
        self._former = None
        if packet[_SSRC] != self._ssrc:
            self._meet(packet[_SSRC])
        return packet

    def unprotect_rtcp(self, datagram: bytes) -> bytes | None:
        """The RTCP packet in a datagram; None when it is not ours."""
        packet = _apply(lib.srtp_unprotect_rtcp, self._inbound, datagram)
        if isinstance(packet, int):
            return self._otherwise(lib.srtp_unprotect_rtcp, datagram, packet)
        if packet[_RTCP_SSRC] != self._ssrc:
            self._meet(packet[_RTCP_SSRC])
        return packet

    def _otherwise(self, function: _Function, datagram: bytes, status: int) -> bytes | None:
        """What the key of now does not open, the former one may."""
        if self._former is not None:
            packet = _apply(function, self._former, datagram)
            if isinstance(packet, bytes):
                return packet
        if status in _REPLAYED:
            self._stats.replayed += 1
        else:
            self._stats.unauthenticated += 1
        return None

    def _meet(self, ssrc: bytes) -> None:
        """A packet of another source held; a peer that goes on so starts over with none."""
        self._ssrc = ssrc
        self._sources.add(ssrc)
        if len(self._sources) > _SOURCES:
            self._sources = {ssrc}
            self._inbound = _session(self._keys.suite, self._keys.receive, Policy.SSRC_ANY_INBOUND)


@functools.cache
def available() -> tuple[str, ...]:
    """The suites that the libsrtp of this system can do: AEAD_AES_GCM needs one with OpenSSL."""
    able = []
    for suite, (_, length) in SUITES.items():
        with contextlib.suppress(ValueError):
            _session(suite, bytes(length), Policy.SSRC_ANY_OUTBOUND)
            able.append(suite)
    return tuple(able)


def _apply(function: _Function, session: Session, data: bytes) -> bytes | int:
    """What the library makes of a packet, or the number of its error."""
    size = len(data)
    if size > _LONGEST:
        return _BAD_PARAMETER
    _view[:size] = data
    _length[0] = size
    status = function(session._srtp[0], _buffer, _length)
    return status or bytes(_view[: _length[0]])


def _must(function: _Function, session: Session, packet: bytes) -> bytes:
    made = _apply(function, session, packet)
    if isinstance(made, int):
        raise ValueError(f"cannot encrypt: {ERRORS[made]}")
    return made


def _session(suite: str, key: bytes, kind: int) -> Session:
    try:
        profile, length = SUITES[suite]
    except KeyError:
        raise ValueError(f"no SRTP suite {suite} here") from None
    if len(key) != length:
        raise ValueError(f"{suite} has keys of {length} octets, not {len(key)}")
    try:
        policy = Policy(key=key, ssrc_type=kind, srtp_profile=profile)
        if suite.startswith("AES_256_CM"):
            _widen(policy)
        return Session(policy=policy)
    except Error as error:
        raise ValueError(f"libsrtp cannot do {suite}: {error}") from error


def _widen(policy: Policy) -> None:
    """Make AES-128 into AES-256: libsrtp has it (RFC 6188), but no profile of that name."""
    for part in (policy._policy.rtp, policy._policy.rtcp):
        words = ffi.buffer(ffi.addressof(part))
        if words[:_CIPHER] != _AES_128:
            raise Error("unknown layout of its policy")
        words[:_CIPHER] = _AES_256
