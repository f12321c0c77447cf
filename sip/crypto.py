"""Keys of SRTP in session descriptions: ``a=crypto`` lines (RFC 4568), read and chosen.

    a=crypto:<tag> <suite> inline:<base64 of key and salt>[|<lifetime>][|<MKI>] [<parameter>…]

A line that we could not keep to, for whatever reason, is passed over as if it were not there.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

__all__ = ["SUITES", "Crypto", "CryptoLine", "agree", "choose", "hide_keys", "print_line", "usable"]

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": 30,  # RFC 4568 section 6.2
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AES_256_CM_HMAC_SHA1_80": 46,  # RFC 6188 section 7
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AEAD_AES_128_GCM": 28,  # RFC 7714 section 14.2
    "AEAD_AES_256_GCM": 44,
}
"""Octets of master key and salt together, by suite."""

MAX_LIFETIME_BITS = 48
"""Of packets under one key (RFC 3711 section 9.2)."""
MAX_LINES = 16
"""Lines of one description that are looked at."""

_LINE = re.compile(r"(\d{1,9})[ \t]+(\w+)[ \t]+inline:([^ \t|;]+)([^ \t;]*)(.*)", re.ASCII)
_LIFETIME = re.compile(r"\|(?:2\^([1-9]\d?)|([1-9]\d{0,14}))", re.ASCII)
_KEY = re.compile(r"(inline:)[^\s|;]+", re.IGNORECASE)
_ADVICE = re.compile(r"WSH=\d+|-\w+(?:=\S*)?", re.ASCII | re.IGNORECASE)
"""Parameters that may be passed over (RFC 4568 section 6.3): our replay window is our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoLine:
    """One line that can be kept to."""

    tag: int
    suite: str
    key: bytes = field(repr=False)
    """Master key and salt of what its side sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crypto:
    """What an offer and answer settled: one suite, and a key for each way."""

    suite: str
    send: bytes = field(repr=False)
    """Master key and salt of what we send."""
    receive: bytes = field(repr=False)
    """Master key and salt of what the peer sends."""


def usable(values: Iterable[str], suites: Container[str] = SUITES) -> list[CryptoLine]:
    """The lines of ``suites`` that we could keep to, in order; ``values`` are those of a=crypto.

    A tag given twice names nothing: only the first line counts. A key that others share, or
    change on the way (a master key identifier), and unencrypted streams are not for us.
    """
    found: dict[int, CryptoLine] = {}
    for value in list(values)[:MAX_LINES]:
        line = _read(value)
        if line is not None and line.suite in suites:
            found.setdefault(line.tag, line)
    return list(found.values())


def choose(offered: Iterable[str], suites: Container[str] = SUITES) -> CryptoLine | None:
    """Our answer to these lines: the first that we can keep to, with a fresh key of our own."""
    for line in usable(offered, suites):
        return CryptoLine(tag=line.tag, suite=line.suite, key=secrets.token_bytes(len(line.key)))
    return None


def agree(own: Iterable[str], peer: Iterable[str]) -> Crypto | None:
    """What two descriptions settled; None where they did not (RFC 4568 section 5.1.3).

    The answer has one line, with the tag and the suite of a line of the offer. The suite alone
    decides where no tag fits: after an answer in an ACK, which is never seen, ``peer`` is from
    an earlier exchange, numbered otherwise.
    """
    pairs = [(ours, theirs) for ours in usable(own) for theirs in usable(peer)]
    pairs = [(ours, theirs) for ours, theirs in pairs if ours.suite == theirs.suite]
    tagged = [(ours, theirs) for ours, theirs in pairs if ours.tag == theirs.tag]
    fitting = tagged or pairs
    if len(fitting) != 1:
        return None
    ours, theirs = fitting[0]
    return Crypto(suite=ours.suite, send=ours.key, receive=theirs.key)


def print_line(line: CryptoLine) -> str:
    """The whole line, without its end."""
    return f"a=crypto:{line.tag} {line.suite} inline:{base64.b64encode(line.key).decode()}"


def hide_keys(text: str) -> str:
    """Any text, without the keys in it."""
    return _KEY.sub(r"\1…", text)


def _read(value: str) -> CryptoLine | None:
    found = _LINE.fullmatch(value.strip())
    if found is None:
        return None
    tag, suite, text, life, rest = found.groups()
    suite = suite.upper()
    length = SUITES.get(suite)
    if length is None or not _bearable(life) or not all(map(_ADVICE.fullmatch, rest.split())):
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return CryptoLine(tag=int(tag), suite=suite, key=key) if len(key) == length else None


def _bearable(life: str) -> bool:
    """Whether what follows the key is nothing, or how many packets it is good for."""
    if not life:
        return True
    found = _LIFETIME.fullmatch(life)
    return found is not None and (found[1] is None or int(found[1]) <= MAX_LIFETIME_BITS)
