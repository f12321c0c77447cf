"""SIP messages as text: the start line, the headers and the SDP body (RFC 3261 section 7).

Only reading, and only what the stack did not already say in its own terms.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Headers", "Message", "parse_message"]

COMPACT = {  # RFC 3261 section 7.3.3, and the forms of RFC 3515, 4028, 6665
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}

_BREAK = re.compile(r"\r\n\r\n|\n\n")
_BOUNDARY = re.compile(r'boundary="?([^";\s]+)', re.IGNORECASE)


def _key(name: str) -> str:
    lower = name.lower()
    return COMPACT.get(lower, lower)


class Headers(Mapping[str, tuple[str, ...]]):
    """Headers of one message: names as received, looked up in any case or compact form."""

    __slots__ = ("_names", "_values")

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, tuple[str, ...]] = {}
        for name, value in fields:
            key = _key(name)
            self._names.setdefault(key, name)
            self._values[key] = (*self._values.get(key, ()), value)

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self._values[_key(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"

    def first(self, name: str, default: str = "") -> str:
        """The first value of a header, or ``default``."""
        values = self._values.get(_key(name))
        return values[0] if values else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request or response."""

    method: str
    """Of a request; of a response, the method its CSeq names."""
    request_uri: str
    """Empty in a response."""
    code: int
    """Status of a response; 0 in a request."""
    reason: str
    headers: Headers
    body: str

    @property
    def sdp(self) -> str:
        """The session description it carries, alone or in a multipart body; else empty."""
        kind = self.headers.first("Content-Type").lower()
        if kind.startswith("application/sdp"):
            return self.body
        if not kind.startswith("multipart/"):
            return ""
        boundary = _BOUNDARY.search(self.headers.first("Content-Type"))
        if boundary is None:
            return ""
        for part in self.body.split(f"--{boundary[1]}"):
            head, _, body = _cut(part)
            if "application/sdp" in head.lower():
                return body.strip("\r\n") + "\r\n"
        return ""

    @property
    def retry_after_s(self) -> int | None:
        """Seconds in Retry-After (RFC 3261 section 20.33), where there is one."""
        digits = re.match(r"\s*(\d{1,6})\b", self.headers.first("Retry-After"), re.ASCII)
        return int(digits[1]) if digits else None


def parse_message(text: str) -> Message:
    """Read a message that the stack has already accepted.

    Raises ValueError when the start line is neither a request nor a status line.
    """
    head, _, body = _cut(text)
    lines = head.replace("\r\n", "\n").lstrip("\n").split("\n")
    headers = Headers(_fields(lines[1:]))
    words = lines[0].split(" ", 2)
    if len(words) < 2:
        raise ValueError("SIP message has no start line")
    if words[0].startswith("SIP/"):
        if not words[1].isdigit():
            raise ValueError("SIP status line has no status code")
        cseq = headers.first("CSeq").split()
        return Message(
            method=cseq[1] if len(cseq) > 1 else "",
            request_uri="",
            code=int(words[1]),
            reason=words[2] if len(words) > 2 else "",
            headers=headers,
            body=body,
        )
    return Message(
        method=words[0], request_uri=words[1], code=0, reason="", headers=headers, body=body
    )


def _cut(text: str) -> tuple[str, str, str]:
    stripped = text.lstrip("\r\n")
    found = _BREAK.search(stripped)
    if found is None:
        return stripped, "", ""
    return stripped[: found.start()], found[0], stripped[found.end() :]


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Header lines, with continuation lines folded into the one before (section 7.3.1)."""
    name, value = "", ""
    for line in lines:
        if line[:1] in (" ", "\t") and name:
            value += " " + line.strip()
            continue
        if name:
            yield name, value
        left, colon, right = line.partition(":")
        name, value = (left.strip(), right.strip()) if colon else ("", "")
    if name:
        yield name, value
