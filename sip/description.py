"""A session description as lines that can be looked up, changed and printed (RFC 4566)."""

import re
from dataclasses import dataclass, field

from sip.media import Direction

__all__ = [
    "Codec",
    "SdpError",
    "Section",
    "Session",
    "common_audio",
    "number",
    "parse",
    "print_session",
]

STATIC = {  # RFC 3551 table 4, the audio payload types still met
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    13: ("CN", 8000, 1),
    18: ("G729", 8000, 1),
}

_MOST_DIGITS = 9  # of a number that means anything here
_M_LINE = re.compile(r"m=(\S+) (\d+)(?:/\d+)? (\S+) ?(.*)", re.DOTALL)


class SdpError(ValueError):
    """The session description cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One format of an audio stream."""

    payload_type: int
    encoding: str
    clock_rate: int
    channels: int
    fmtp: str

    def same(self, other: "Codec") -> bool:
        """Whether both name one format (RFC 3264 section 6.1)."""
        return (
            self.encoding.lower() == other.encoding.lower()
            and self.clock_rate == other.clock_rate
            and self.channels == other.channels
        )


@dataclass(slots=True, kw_only=True)
class Section:
    """One m= line and the lines that belong to it."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    lines: list[str] = field(default_factory=list)
    """After the m= line."""

    def attribute(self, name: str) -> str | None:
        """Value of the first ``a=name[:value]``; empty for a flag."""
        return _attribute(self.lines, name)

    def attributes(self, name: str) -> list[str]:
        """Values of every ``a=name:value``, in their order."""
        prefix = f"a={name}:"
        return [line.removeprefix(prefix) for line in self.lines if line.startswith(prefix)]

    def codecs(self) -> list[Codec]:
        """In the order of the m= line; formats that nothing explains are left out."""
        maps = dict(_numbered(self.lines, "rtpmap"))
        fmtps = dict(_numbered(self.lines, "fmtp"))
        found = []
        for text in self.formats:
            payload_type = number(text)
            if payload_type is None or payload_type > 127:
                continue
            codec = _codec(payload_type, maps.get(payload_type), fmtps.get(payload_type, ""))
            if codec is not None:
                found.append(codec)
        return found


@dataclass(slots=True, kw_only=True)
class Session:
    """The session-level lines and the streams."""

    lines: list[str]
    sections: list[Section]

    def audio(self) -> list[int]:
        """Indexes of the audio streams in use."""
        return [i for i, s in enumerate(self.sections) if s.kind == "audio" and s.port]

    def offered(self) -> list[Codec]:
        """The formats of the first audio stream, in its order."""
        audio = self.audio()
        return self.sections[audio[0]].codecs() if audio else []

    def address(self, section: Section) -> str:
        """The connection address that holds for a stream."""
        for lines in (section.lines, self.lines):
            for line in lines:
                if line.startswith("c="):
                    words = line[2:].split()
                    if len(words) != 3:
                        raise SdpError(f"bad connection line: {line[:60]!r}")
                    return words[2].partition("/")[0]
        raise SdpError("no connection address")

    def direction(self, section: Section) -> Direction:
        """Of a stream: its own attribute, else the session's, else sendrecv."""
        for lines in (section.lines, self.lines):
            for direction in Direction:
                if f"a={direction}" in lines:
                    return direction
        return Direction.SENDRECV


def common_audio(ours: Session, theirs: Session) -> tuple[Section, Section] | None:
    """The first audio stream that two descriptions both use, of each."""
    for index in ours.audio():
        if index in theirs.audio():
            return ours.sections[index], theirs.sections[index]
    return None


def parse(sdp: str) -> Session:
    lines = [line for line in sdp.replace("\r\n", "\n").split("\n") if line]
    if not lines or not lines[0].startswith("v="):
        raise SdpError("not a session description")
    session = Session(lines=[], sections=[])
    for line in lines:
        if line.startswith("m="):
            session.sections.append(_read_section(line))
        elif session.sections:
            session.sections[-1].lines.append(line)
        else:
            session.lines.append(line)
    return session


def _read_section(line: str) -> Section:
    found = _M_LINE.fullmatch(line)
    port = None if found is None else number(found[2])
    if found is None or port is None or port > 65535:
        raise SdpError(f"bad media line: {line[:60]!r}")
    return Section(kind=found[1].lower(), port=port, protocol=found[3], formats=found[4].split())


def number(text: str) -> int | None:
    """A number as SDP writes it; None for all else, other scripts' digits among it."""
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    return None


def print_session(session: Session) -> str:
    lines = list(session.lines)
    for s in session.sections:
        lines.append(f"m={s.kind} {s.port} {s.protocol} {' '.join(s.formats)}")
        lines += s.lines
    return "\r\n".join(lines) + "\r\n"


def _attribute(lines: list[str], name: str) -> str | None:
    for line in lines:
        if line == f"a={name}":
            return ""
        if line.startswith(f"a={name}:"):
            return line[len(name) + 3 :].strip()
    return None


def _numbered(lines: list[str], name: str) -> list[tuple[int, str]]:
    """``a=name:<payload type> <rest>`` lines; those without a number are no use."""
    found = []
    for line in lines:
        if line.startswith(f"a={name}:"):
            first, _, rest = line[len(name) + 3 :].strip().partition(" ")
            if (payload_type := number(first)) is not None:
                found.append((payload_type, rest.strip()))
    return found


def _codec(payload_type: int, rtpmap: str | None, fmtp: str) -> Codec | None:
    if rtpmap is None:
        if payload_type not in STATIC:
            return None
        encoding, clock_rate, channels = STATIC[payload_type]
    else:
        encoding, _, rest = rtpmap.partition("/")
        rate, _, count = rest.partition("/")
        clock_rate, channels = number(rate) or 0, number(count) or 1
        if not clock_rate:
            return None
    return Codec(
        payload_type=payload_type,
        encoding=encoding,
        clock_rate=clock_rate,
        channels=channels,
        fmtp=fmtp,
    )
