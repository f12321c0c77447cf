"""Session descriptions as text (RFC 4566, RFC 3264): our address in, what was settled out.

Pure functions. A description that cannot be used raises SdpError and nothing else.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from ipaddress import ip_address

from sip.crypto import SUITES, Crypto, agree, choose, print_line, usable
from sip.description import Codec, SdpError, Section, Session, parse, print_session
from sip.events import Address, Direction, Media, MediaAddress

__all__ = [
    "Negotiated",
    "SdpError",
    "amend",
    "answer_keys",
    "describe",
    "has_keys",
    "media_host",
    "offered_codecs",
    "prefer",
    "readdress",
    "restrict",
    "share_port",
]

NOT_SPEECH = frozenset({"telephone-event", "cn", "red"})
PTIMES = (10, 60)
"""Milliseconds of audio we put into one packet at least and at most."""
DEFAULT_PTIME = 20
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
    theirs = _offered(parse(remote))
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
    both = [i for i in session.audio() if i in theirs.audio()]
    if not both or theirs.sections[both[0]].attribute("rtcp-mux") is None:
        return local
    section = session.sections[both[0]]
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


def has_keys(offer: str, suites: Container[str] = SUITES) -> bool:
    """Whether an offer that demands encryption brings keys of ``suites`` that we can use.

    True where it demands none, and where it cannot be read: others judge that.
    """
    try:
        session = parse(offer)
    except SdpError:
        return True
    demanding = [s for s in map(session.sections.__getitem__, session.audio()) if _demands(s)]
    return all(usable(section.attributes("crypto"), suites) for section in demanding)


def answer_keys(local: str, remote: str, suites: Container[str] = SUITES) -> str:
    """``local`` as an answer to ``remote`` with a line of keys that both can keep to.

    The stack takes the first suite that it knows, whatever else the line asks for; where we
    cannot do that, another line is answered, or none. Raises SdpError.
    """
    session, theirs = parse(local), parse(remote)
    both = [i for i in session.audio() if i in theirs.audio()]
    if not both:
        return local
    section, offered = session.sections[both[0]], theirs.sections[both[0]].attributes("crypto")
    own = section.attributes("crypto")
    if not own or agree(own, offered) is not None:
        return local
    section.lines = [line for line in section.lines if not line.startswith("a=crypto:")]
    line = choose(offered, suites)
    if line is not None:
        section.lines.append(print_line(line))
    return print_session(session)


def describe(local: str, remote: str) -> Media:
    """What a completed offer and answer settled. Raises SdpError."""
    ours, theirs = parse(local), parse(remote)
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
    shared = own.attribute("rtcp-mux") is not None and peer.attribute("rtcp-mux") is not None
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
        remote_rtcp=(host, peer.port) if shared else _rtcp(peer, host),
        rtcp_mux=shared,
        direction=Direction.of(
            sends=said.sends and remote_direction.receives,
            receives=said.receives and remote_direction.sends,
        ),
        remote_direction=remote_direction,
        crypto=_crypto(own, peer),
        local_sdp=local,
        remote_sdp=remote,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What the stack says it negotiated, where it can say so."""

    remote: Address
    remote_rtcp: Address
    payload_type: int
    """Of the speech we receive, as in our own description."""
    event_payload_type: int | None
    sends: bool
    receives: bool


def amend(media: Media, negotiated: Negotiated) -> Media:
    """``media`` as negotiated, where the peer's description is not the one that counted.

    An answer that comes in an ACK (RFC 3261 section 13.2.1) is never seen as text.
    """
    direction = Direction.of(sends=negotiated.sends, receives=negotiated.receives)
    session = parse(media.local_sdp)
    said = session.direction(session.sections[session.audio()[0]])
    codecs = {codec.payload_type: codec for codec in _offered(session)}
    codec = codecs.get(negotiated.payload_type)
    if codec is None:
        return media
    agrees = codec.encoding.lower() == media.encoding.lower() and direction is media.direction
    if agrees and negotiated.remote == media.remote:
        return media
    return replace(
        media,
        encoding=codec.encoding,
        payload_type=codec.payload_type,
        clock_rate=codec.clock_rate,
        channels=codec.channels,
        fmtp=codec.fmtp,
        event_payload_type=negotiated.event_payload_type,
        remote=negotiated.remote,
        remote_rtcp=negotiated.remote_rtcp,
        direction=direction,
        remote_direction=Direction.of(
            sends=negotiated.receives or not said.receives,
            receives=negotiated.sends or not said.sends,
        ),
        remote_sdp="",
    )


def media_host(offer: str, *, signalling: str) -> str:
    """Whom our media address has to suit: who sent the offer, unless its IP version is another.

    Behind a NAT the offer's own address says less than the one its messages come from.
    """
    try:
        session = parse(offer)
        host = session.address(session.sections[session.audio()[0]])
        ours, theirs = ip_address(signalling), ip_address(host)
    except (SdpError, IndexError, ValueError):
        return signalling
    return signalling if ours.version == theirs.version or theirs.is_unspecified else host


def offered_codecs(sdp: str) -> tuple[str, ...]:
    """Encoding names of the first audio stream, speech only, as offered. Raises SdpError."""
    codecs = _offered(parse(sdp))
    return tuple(c.encoding for c in codecs if c.encoding.lower() not in NOT_SPEECH)


def _offered(session: Session) -> list[Codec]:
    audio = session.audio()
    return session.sections[audio[0]].codecs() if audio else []


def _best(own: list[Codec], theirs: list[Codec], names: tuple[str, ...]) -> Codec | None:
    for name in names:
        for codec in own:
            if codec.encoding.lower() == name.lower() and any(codec.same(t) for t in theirs):
                return codec
    return None


def _keep(section: Section, payload_types: set[int]) -> None:
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


def _event(common: list[Codec], clock_rate: int) -> Codec | None:
    """telephone-event on the codec's clock (RFC 4733 section 2.1), else on any."""
    events = [c for c in common if c.encoding.lower() == "telephone-event"]
    same = [e for e in events if e.clock_rate == clock_rate]
    return next(iter(same or events), None)


def _ptime(section: Section) -> int:
    """What the peer asks for, in whole tens within our bounds and its own maximum."""
    ptime = _milliseconds(section.attribute("ptime")) or DEFAULT_PTIME
    longest = _milliseconds(section.attribute("maxptime")) or PTIMES[1]
    low, high = PTIMES
    return max(low, min(ptime, longest, high) // 10 * 10)


def _milliseconds(text: str | None) -> int:
    digits = (text or "").partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0


def _rtcp(section: Section, host: str) -> Address:
    """RFC 3605: ``a=rtcp:port [IN IP4 address]``, else the next port."""
    words = (section.attribute("rtcp") or "").split()
    if not words or not words[0].isascii() or not words[0].isdigit():
        return host, section.port + 1
    return (words[3] if len(words) == 4 else host), int(words[0])


def _demands(section: Section) -> bool:
    return "SAVP" in section.protocol


def _crypto(own: Section, peer: Section) -> Crypto | None:
    """The keys of both ways; keys with RTP/AVP are an offer to encrypt, not a demand."""
    ours, theirs = own.attributes("crypto"), peer.attributes("crypto")
    demanded = _demands(own) or _demands(peer)
    if not demanded and not (ours and theirs):
        return None
    crypto = agree(ours, theirs)
    if crypto is None:
        raise SdpError("no SRTP keys in common")
    return crypto


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
