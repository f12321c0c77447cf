"""One direction of an encrypted stream, by libsrtp: where nothing was compiled, and in tests.

pylibsrtp makes the contexts; the packets go to its library directly, in one buffer for all: its
own way, which makes a buffer of each packet's length, took 2.2 us a packet instead of 1.3.
"""

import struct
from collections.abc import Callable
from typing import Any

from pylibsrtp import ERRORS, Error, Policy, Session
from pylibsrtp._binding import ffi, lib

__all__ = ["Context"]

_PROFILES = {
    (14, 10): Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    (14, 4): Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    (12, 16): Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
}
"""By octets of salt and tag; with a key of 16 octets."""
_KEY = 16
_AES_128 = struct.pack("@2I", 1, 30)
_AES_256 = struct.pack("@2I", 5, 46)
"""How libsrtp 2 names AES in counter mode: cipher, octets of master key and salt."""
_CIPHER = len(_AES_128)

_UNAUTHENTIC, _REPLAYED = 1, 2  # as in _srtp.c
_REPLAYS = tuple(ERRORS.index(text) for text in ERRORS if text.startswith("replay check failed"))
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


class Context:
    """What `rtp.srtp.Context` says, of RTP and RTCP."""

    def __init__(self, key: bytes, salt: bytes, tag: int) -> None:
        """Raises ValueError where libsrtp was built without this cipher."""
        self._master = (key, salt, tag)
        self._session = _session(key, salt, tag)
        self._ssrc = b""
        self._sources: set[bytes] = set()

    def protect(self, packet: bytes, /) -> bytes:
        return _must(lib.srtp_protect, self._session, packet)

    def protect_rtcp(self, packet: bytes, /) -> bytes:
        return _must(lib.srtp_protect_rtcp, self._session, packet)

    def unprotect(self, datagram: bytes, /) -> bytes | int:
        return self._open(lib.srtp_unprotect, datagram, _SSRC)

    def unprotect_rtcp(self, datagram: bytes, /) -> bytes | int:
        return self._open(lib.srtp_unprotect_rtcp, datagram, _RTCP_SSRC)

    def _open(self, function: _Function, datagram: bytes, ssrc: slice) -> bytes | int:
        packet = _apply(function, self._session, datagram)
        if isinstance(packet, int):
            return _REPLAYED if packet in _REPLAYS else _UNAUTHENTIC
        if packet[ssrc] != self._ssrc:
            self._meet(packet[ssrc])
        return packet

    def _meet(self, ssrc: bytes) -> None:
        """A packet of another source held; a peer that goes on so starts over with none."""
        self._ssrc = ssrc
        self._sources.add(ssrc)
        if len(self._sources) > _SOURCES:
            self._sources = {ssrc}
            self._session = _session(*self._master)


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


def _session(key: bytes, salt: bytes, tag: int) -> Session:
    profile, wide = _PROFILES[len(salt), tag], len(key) > _KEY
    if wide and profile == Policy.SRTP_PROFILE_AEAD_AES_128_GCM:
        profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    try:
        # A sender's packets, too, may be of any source.
        policy = Policy(key=key + salt, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
        if wide and profile != Policy.SRTP_PROFILE_AEAD_AES_256_GCM:
            _widen(policy)
        return Session(policy=policy)
    except Error as error:
        raise ValueError(f"libsrtp cannot do this cipher: {error}") from error


def _widen(policy: Policy) -> None:
    """Make AES-128 into AES-256: libsrtp has it (RFC 6188), but no profile of that name."""
    for part in (policy._policy.rtp, policy._policy.rtcp):
        words = ffi.buffer(ffi.addressof(part))
        if words[:_CIPHER] != _AES_128:
            raise Error("unknown layout of its policy")
        words[:_CIPHER] = _AES_256
