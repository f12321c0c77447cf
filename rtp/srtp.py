"""Encrypted RTP and RTCP (RFC 3711) with keys that signalling settled, by libsrtp."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pylibsrtp import Error, Policy, Session
from pylibsrtp._binding import ffi

from rtp.packet import is_rtcp
from rtp.stats import StreamStats

__all__ = ["SUITES", "Keys", "Srtp"]

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

_REPLAYED = ("replay check failed (bad index)", "replay check failed (index too old)")
_SSRC = slice(8, 12)
_SOURCES = 16
"""SSRCs of one peer that are kept apart; libsrtp would keep any number of them."""


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
        try:
            protected: bytes = self._outbound.protect(packet)
        except Error as error:
            raise ValueError(f"cannot encrypt: {error}") from error
        return protected

    def protect_rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet as it goes on the wire. Raises ValueError when it cannot go."""
        try:
            protected: bytes = self._outbound.protect_rtcp(packet)
        except Error as error:
            raise ValueError(f"cannot encrypt: {error}") from error
        return protected

    def unprotect(self, datagram: bytes) -> bytes | None:
        """The packet in a datagram of the RTP port, which may be RTCP; None when it is not ours."""
        if is_rtcp(datagram):
            return self.unprotect_rtcp(datagram)
        try:
            packet: bytes = self._inbound.unprotect(datagram)
        except (Error, ValueError) as error:
            return self._otherwise(datagram, error, Session.unprotect)
        self._former = None
        if packet[_SSRC] != self._ssrc:
            self._meet(packet[_SSRC])
        return packet

    def unprotect_rtcp(self, datagram: bytes) -> bytes | None:
        """The RTCP packet in a datagram; None when it is not ours."""
        try:
            packet: bytes = self._inbound.unprotect_rtcp(datagram)
        except (Error, ValueError) as error:
            return self._otherwise(datagram, error, Session.unprotect_rtcp)
        if packet[4:8] != self._ssrc:
            self._meet(packet[4:8])
        return packet

    def _otherwise(
        self, datagram: bytes, error: Exception, attempt: Callable[[Session, bytes], bytes]
    ) -> bytes | None:
        """What the key of now does not open, the former one may."""
        if self._former is not None:
            try:
                return attempt(self._former, datagram)
            except (Error, ValueError):
                pass
        if str(error) in _REPLAYED:
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
