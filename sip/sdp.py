"""Session descriptions as text (RFC 4566, RFC 3264): our address in, what was settled out.

Pure functions. A description that cannot be used raises SdpError and nothing else.
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address

from sip.events import Address, Direction, Media, MediaAddress

__all__ = ["Codec", "SdpError", "describe", "offered_codecs", "prefer", "readdress", "restrict"]

STATIC = {  # RFC 3551 table 4, the audio payload types still met
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    13: ("CN", 8000, 1),
    18: ("G729", 8000, 1),
}

NOT_SPEECH = frozenset({"telephone-event", "cn", "red"})
PTIMES = (10, 60)
"""Milliseconds of audio we put into one packet at least and at most."""
DEFAULT_PTIME = 20
TELEPHONE_EVENT = 101
"""The payload type we offer for telephone-event: what every gateway expects to see."""

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
class _Section:
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

    def codecs(self) -> list[Codec]:
        """In the order of the m= line; formats that nothing explains are left out."""
        maps = dict(_numbered(self.lines, "rtpmap"))
        fmtps = dict(_numbered(self.lines, "fmtp"))
        found = []
        for text in self.formats:
            if not text.isascii() or not text.isdigit() or int(text) > 127:
                continue
            payload_type = int(text)
            codec = _codec(payload_type, maps.get(payload_type), fmtps.get(payload_type, ""))
            if codec is not None:
                found.append(codec)
        return found


@dataclass(slots=True, kw_only=True)
class _Session:
    lines: list[str]
    sections: list[_Section]

    def audio(self) -> list[int]:
        """Indexes of the audio streams in use."""
        return [i for i, s in enumerate(self.sections) if s.kind == "audio" and s.port]

    def address(self, section: _Section) -> str:
        """The connection address that holds for a stream."""
        for lines in (section.lines, self.lines):
            for line in lines:
                if line.startswith("c="):
                    words = line[2:].split()
                    if len(words) != 3:
                        raise SdpError(f"bad connection line: {line[:60]!r}")
                    return words[2].partition("/")[0]
        raise SdpError("no connection address")

    def direction(self, section: _Section) -> Direction:
        """Of a stream: its own attribute, else the session's, else sendrecv."""
        for lines in (section.lines, self.lines):
            for direction in Direction:
                if f"a={direction}" in lines:
                    return direction
        return Direction.SENDRECV


def readdress(sdp: str, media: MediaAddress) -> str:
    """The description with our media address in it, for the first audio stream.

    Other streams are turned off (port 0), and lines that speak of the stack's own media
    (a=rtcp, a=ssrc, o= address) speak of ours. Raises SdpError.
    """
    session = _parse(sdp)
    audio = session.audio()
    family = "IP6" if ":" in media.host else "IP4"
    where = f"IN {family} {media.host}"
    lines = [_own_origin(line, where) for line in session.lines if not line.startswith("c=")]
    timing = next((i for i, line in enumerate(lines) if line.startswith(("b=", "t="))), len(lines))
    lines.insert(timing, f"c={where}")
    for index, section in enumerate(session.sections):
        ours = audio[:1] == [index]
        section.port = media.port if ours else 0
        section.lines = [
            line for line in section.lines if not line.startswith(("c=", "a=rtcp:", "a=ssrc"))
        ]
        if ours:
            section.lines.append(f"a=rtcp:{media.port + 1} {where}")
    return _print(_Session(lines=lines, sections=session.sections))


def prefer(local: str, remote: str, codecs: tuple[str, ...]) -> str:
    """``local`` as an answer to ``remote`` with the one codec that we like best.

    The rest of the common codecs is left out, so that the answer does not depend on whose
    order the stack follows. Unchanged when nothing of ``codecs`` is common. Raises SdpError.
    """
    session = _parse(local)
    audio = session.audio()
    theirs = _offered(_parse(remote))
    if not audio:
        return local
    section = session.sections[audio[0]]
    own = section.codecs()
    best = _best(own, theirs, codecs)
    if best is None:
        return local
    kept = {best.payload_type}
    kept |= {c.payload_type for c in own if c.encoding.lower() == "telephone-event"}
    _keep(section, kept)
    return _print(session)


def restrict(sdp: str, codecs: tuple[str, ...]) -> str:
    """An offer with just these codecs, in this order, and telephone-event. Raises SdpError."""
    session = _parse(sdp)
    for index in session.audio()[:1]:
        section = session.sections[index]
        own = section.codecs()
        wanted = [c for name in codecs for c in own if c.encoding.lower() == name.lower()]
        if not wanted:
            raise SdpError(f"none of the codecs {', '.join(codecs)} is in this build")
        events = [c for c in own if c.encoding.lower() == "telephone-event"]
        rates = {c.clock_rate for c in wanted}
        kept = [*wanted, *(e for e in events if e.clock_rate in rates)]
        _keep(section, {c.payload_type for c in kept})
        section.formats = [str(c.payload_type) for c in kept]
        for event in events:
            if event.clock_rate == 8000:
                _renumber(section, event.payload_type, TELEPHONE_EVENT)
    return _print(session)


def describe(local: str, remote: str) -> Media:
    """What a completed offer and answer settled. Raises SdpError."""
    ours, theirs = _parse(local), _parse(remote)
    both = [i for i in ours.audio() if i in theirs.audio()]
    if not both:
        raise SdpError("no audio stream in common")
    own, peer = ours.sections[both[0]], theirs.sections[both[0]]
    own_codecs = own.codecs()
    common = [c for c in peer.codecs() if any(c.same(o) for o in own_codecs)]
    speech = [c for c in common if c.encoding.lower() not in NOT_SPEECH]
    if not speech:
        raise SdpError("no codec in common")
    codec = speech[0]
    event = _event(common, codec.clock_rate)
    host = theirs.address(peer)
    remote_direction = theirs.direction(peer)
    if _is_unspecified(host):
        remote_direction = Direction.of(sends=remote_direction.sends, receives=False)
    said = ours.direction(own)
    return Media(
        encoding=codec.encoding,
        payload_type=codec.payload_type,
        clock_rate=codec.clock_rate,
        channels=codec.channels,
        fmtp=codec.fmtp,
        ptime=_ptime(peer),
        event_payload_type=event.payload_type if event else None,
        event_clock_rate=event.clock_rate if event else 8000,
        remote=(host, peer.port),
        remote_rtcp=_rtcp(peer, host),
        rtcp_mux=own.attribute("rtcp-mux") is not None and peer.attribute("rtcp-mux") is not None,
        direction=Direction.of(
            sends=said.sends and remote_direction.receives,
            receives=said.receives and remote_direction.sends,
        ),
        remote_direction=remote_direction,
        secure="SAVP" in own.protocol,
        local_sdp=local,
        remote_sdp=remote,
    )


def offered_codecs(sdp: str) -> tuple[str, ...]:
    """Encoding names of the first audio stream, speech only, as offered. Raises SdpError."""
    codecs = _offered(_parse(sdp))
    return tuple(c.encoding for c in codecs if c.encoding.lower() not in NOT_SPEECH)


def _parse(sdp: str) -> _Session:
    lines = [line for line in sdp.replace("\r\n", "\n").split("\n") if line]
    if not lines or not lines[0].startswith("v="):
        raise SdpError("not a session description")
    session = _Session(lines=[], sections=[])
    for line in lines:
        if line.startswith("m="):
            session.sections.append(_section(line))
        elif session.sections:
            session.sections[-1].lines.append(line)
        else:
            session.lines.append(line)
    return session


def _section(line: str) -> _Section:
    found = _M_LINE.fullmatch(line)
    if found is None or not found[2].isascii() or int(found[2]) > 65535:
        raise SdpError(f"bad media line: {line[:60]!r}")
    return _Section(
        kind=found[1].lower(), port=int(found[2]), protocol=found[3], formats=found[4].split()
    )


def _print(session: _Session) -> str:
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
            number, _, rest = line[len(name) + 3 :].strip().partition(" ")
            if number.isascii() and number.isdigit():
                found.append((int(number), rest.strip()))
    return found


def _codec(payload_type: int, rtpmap: str | None, fmtp: str) -> Codec | None:
    if rtpmap is None:
        if payload_type not in STATIC:
            return None
        encoding, clock_rate, channels = STATIC[payload_type]
    else:
        encoding, _, rest = rtpmap.partition("/")
        rate, _, count = rest.partition("/")
        if not rate.isascii() or not rate.isdigit() or not int(rate):
            return None
        clock_rate = int(rate)
        channels = int(count) if count.isascii() and count.isdigit() else 1
    return Codec(
        payload_type=payload_type,
        encoding=encoding,
        clock_rate=clock_rate,
        channels=channels,
        fmtp=fmtp,
    )


def _offered(session: _Session) -> list[Codec]:
    audio = session.audio()
    return session.sections[audio[0]].codecs() if audio else []


def _best(own: list[Codec], theirs: list[Codec], names: tuple[str, ...]) -> Codec | None:
    for name in names:
        for codec in own:
            if codec.encoding.lower() == name.lower() and any(codec.same(t) for t in theirs):
                return codec
    return None


def _keep(section: _Section, payload_types: set[int]) -> None:
    """Strike every format but these, with its attributes."""
    section.formats = [f for f in section.formats if f.isdigit() and int(f) in payload_types]
    dropped = [
        line
        for name in ("rtpmap", "fmtp")
        for line in section.lines
        if line.startswith(f"a={name}:")
        and not any(line.startswith(f"a={name}:{p} ") for p in payload_types)
    ]
    section.lines = [line for line in section.lines if line not in dropped]


def _renumber(section: _Section, old: int, new: int) -> None:
    """Give a format another payload type, where that one is free."""
    if str(new) in section.formats:
        return
    section.formats = [str(new) if f == str(old) else f for f in section.formats]
    for name in ("rtpmap", "fmtp"):
        prefix = f"a={name}:{old} "
        section.lines = [
            f"a={name}:{new} {line.removeprefix(prefix)}" if line.startswith(prefix) else line
            for line in section.lines
        ]


def _event(common: list[Codec], clock_rate: int) -> Codec | None:
    """telephone-event on the codec's clock (RFC 4733 section 2.1), else on any."""
    events = [c for c in common if c.encoding.lower() == "telephone-event"]
    same = [e for e in events if e.clock_rate == clock_rate]
    return next(iter(same or events), None)


def _ptime(section: _Section) -> int:
    """What the peer asks for, in whole tens within our bounds and its own maximum."""
    ptime = _milliseconds(section.attribute("ptime")) or DEFAULT_PTIME
    longest = _milliseconds(section.attribute("maxptime")) or PTIMES[1]
    low, high = PTIMES
    return max(low, min(ptime, longest, high) // 10 * 10)


def _milliseconds(text: str | None) -> int:
    digits = (text or "").partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0


def _rtcp(section: _Section, host: str) -> Address:
    """RFC 3605: ``a=rtcp:port [IN IP4 address]``, else the next port."""
    words = (section.attribute("rtcp") or "").split()
    if not words or not words[0].isascii() or not words[0].isdigit():
        return host, section.port + 1
    return (words[3] if len(words) == 4 else host), int(words[0])


def _is_unspecified(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return host == "0"


def _own_origin(line: str, where: str) -> str:
    """The o= line with our address (RFC 4566 section 5.2); s= without a product name."""
    if line.startswith("o="):
        return " ".join([*line.split()[:3], where])
    return "s=-" if line.startswith("s=") else line
