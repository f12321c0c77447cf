"""Our descriptions as the stack wrote them, made ours: address, codecs, ports (RFC 4566, RFC 3264).

Pure functions on text. A description that cannot be used raises SdpError and nothing else.
"""

from sip.description import (
    Codec,
    SdpError,
    Section,
    Session,
    common_audio,
    number,
    parse,
    print_session,
)
from sip.media import MediaAddress

__all__ = ["prefer", "readdress", "restrict", "share_port"]

TELEPHONE_EVENT = 101
"""The payload type we offer for telephone-event: what every gateway expects to see."""


def readdress(sdp: str, media: MediaAddress) -> str:
    """The description with our media address in it, for the first audio stream.

    Other streams are turned off (port 0), and lines that speak of the stack's own media
    (a=rtcp, a=ssrc, o= address) speak of ours. Raises SdpError.
    """
    session = parse(sdp)
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
    return print_session(Session(lines=lines, sections=session.sections))


def prefer(local: str, remote: str, codecs: tuple[str, ...]) -> str:
    """``local`` as an answer to ``remote`` with the one codec that we like best.

    The rest of the common codecs is left out, so that the answer does not depend on whose
    order the stack follows. Unchanged when nothing of ``codecs`` is common. Raises SdpError.
    """
    session = parse(local)
    audio = session.audio()
    theirs = parse(remote).offered()
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
    return print_session(session)


def share_port(local: str, remote: str) -> str:
    """``local`` as an answer to ``remote``, RTCP on the port of RTP where that asks for it.

    RFC 5761 section 5.1.1. Raises SdpError.
    """
    session, theirs = parse(local), parse(remote)
    both = common_audio(session, theirs)
    if both is None or both[1].attribute("rtcp-mux") is None:
        return local
    section, _ = both
    kept = [line for line in section.lines if not line.startswith(("a=rtcp:", "a=rtcp-mux"))]
    section.lines = [*kept, "a=rtcp-mux"]
    return print_session(session)


def restrict(sdp: str, codecs: tuple[str, ...]) -> str:
    """An offer with just these codecs, in this order, and telephone-event. Raises SdpError."""
    session = parse(sdp)
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
    return print_session(session)


def _best(own: list[Codec], theirs: list[Codec], names: tuple[str, ...]) -> Codec | None:
    for name in names:
        for codec in own:
            if codec.encoding.lower() == name.lower() and any(codec.same(t) for t in theirs):
                return codec
    return None


def _keep(section: Section, payload_types: set[int]) -> None:
    """Strike every format but these, with its attributes."""
    section.formats = [f for f in section.formats if number(f) in payload_types]
    dropped = [
        line
        for name in ("rtpmap", "fmtp")
        for line in section.lines
        if line.startswith(f"a={name}:")
        and not any(line.startswith(f"a={name}:{p} ") for p in payload_types)
    ]
    section.lines = [line for line in section.lines if line not in dropped]


def _renumber(section: Section, old: int, new: int) -> None:
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


def _own_origin(line: str, where: str) -> str:
    """The o= line with our address (RFC 4566 section 5.2); s= without a product name."""
    if line.startswith("o="):
        return " ".join([*line.split()[:3], where])
    return "s=-" if line.startswith("s=") else line
