"""Which PJSIP this is, and what it can do."""

import contextlib
import functools
import os
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pjsua2 as pj

__all__ = [
    "CAN_DO_NOISE",
    "CAN_SCREEN",
    "PjsipVersion",
    "has_ipv6",
    "known_suites",
    "muted",
    "suites",
    "version",
]

CAN_DO_NOISE: Final = hasattr(pj, "ComfortNoise")
"""Whether this build lets us agree to comfort noise beside it: ours does."""
CAN_SCREEN: Final = hasattr(pj, "RequestGate")
"""Whether this build asks us before it answers OPTIONS, REFER and Replaces: ours does."""
SUITES: Final = (
    "AES_CM_128_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
    "AES_256_CM_HMAC_SHA1_32",
    "AEAD_AES_256_GCM",
    "AEAD_AES_128_GCM",
)
"""What we offer, best first: what everybody has to have (RFC 4568 section 6.2) before the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PjsipVersion:
    """The PJSIP build in use."""

    version: str
    max_calls: int
    """Calls at once, fixed when it was compiled."""


@functools.cache
def version() -> PjsipVersion:
    """What PJSIP this process has; the library need not be started."""
    config = pj.UaConfig()
    found = _endpoint().libVersion()
    return PjsipVersion(version=str(found.full), max_calls=int(config.maxCalls))


def _endpoint() -> Any:
    """The library's one Endpoint, started or not."""
    with muted():
        try:
            return pj.Endpoint.instance()
        except pj.Error:
            return pj.Endpoint()


def has_ipv6() -> bool:
    """Whether this build can do IPv6; one that cannot aborts when asked to."""
    config = pj.AccountConfig()
    return bool(config.mediaConfig.ipv6Use != pj.PJSUA_IPV6_DISABLED)


@functools.cache
def known_suites() -> frozenset[str]:
    """The SRTP suites of this build: PyPI's wheel has no AEAD_AES_GCM."""
    return frozenset(_endpoint().srtpCryptoEnum())


def suites(able: Container[str]) -> tuple[str, ...]:
    """SRTP suites to negotiate, best first: of those that media is ``able`` to do, PJSIP's."""
    known = known_suites()
    return tuple(suite for suite in SUITES if suite in known and suite in able)


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Standard output closed to C: outside of ``libInit`` and ``libDestroy`` PJSIP logs there."""
    sys.stdout.flush()
    saved = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nothing)
