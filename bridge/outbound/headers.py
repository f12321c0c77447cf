"""SIP headers that an order may add to its INVITE."""

import re
from collections.abc import Mapping

__all__ = ["check_headers"]

MOST_HEADERS = 20
LONGEST_VALUE = 1000
"""Characters."""
LONGEST_TOGETHER = 12_000
"""Bytes of all headers: our PJSIP sends messages of 16000, with the SDP and its own headers."""

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{2,64}")  # one letter is a compact form
_WRITTEN_BY_US = frozenset(
    word
    for line in (
        "accept accept-encoding allow allow-events authentication-info authorization",
        "call-id contact content-disposition content-encoding content-language",
        "content-length content-type cseq date event expires from in-reply-to",
        "max-forwards mime-version min-expires min-se path proxy-authenticate",
        "proxy-authorization proxy-require rack record-route refer-to replaces require",
        "retry-after route rseq server service-route session-expires sip-etag",
        "sip-if-match subscription-state supported target-dialog timestamp to unsupported",
        "user-agent via warning www-authenticate",
    )
    for word in line.split()
)
"""Transaction, dialog, routing, session and credentials: the stack's own."""


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return `headers` when all may be sent. Raises ValueError, which says what may not and why."""
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"{len(headers)} headers are too many; {MOST_HEADERS} may be given")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name[:64]!r} is not the name of a SIP header")
        if name.lower() in _WRITTEN_BY_US:
            raise ValueError(f"{name} is written by the bridge itself and cannot be given")
        if not value.isprintable():
            raise ValueError(f"{name} has a line break or another control character in it")
        if len(value) > LONGEST_VALUE:
            raise ValueError(f"{name} is longer than {LONGEST_VALUE} characters")
    size = sum(len(f"{name}: {value}\r\n".encode()) for name, value in headers.items())
    if size > LONGEST_TOGETHER:
        raise ValueError(f"{size} bytes of headers are too many; {LONGEST_TOGETHER} bytes may be")
    return dict(headers)
