"""What an offer and its answer come to (RFC 3264): one codec, one address, one direction.

Pure functions. A description that cannot be used raises SdpError and nothing else.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address

from sip.comfort_noise import agreed_noise
from sip.description import Codec, SdpError, Section, common_audio, number, parse
from sip.keys import agreed_keys
from sip.media import Address, Direction, Media

__all__ = ["Negotiated", "amend", "describe", "media_host", "offer_in_words", "offered_codecs"]

NOT_SPEECH = frozenset({"telephone-event", "cn", "red"})
PTIMES = (10, 60)
"""Milliseconds of audio we put into one packet at least and at most."""
DEFAULT_PTIME = 20
IN_WORDS = 8
"""Codecs of an offer that the log names."""


def describe(local: str, remote: str) -> Media:
    """What a completed offer and answer settled. Raises SdpError."""
    ours, theirs = parse(local), parse(remote)
    both = common_audio(ours, theirs)
    if both is None:
        raise SdpError("no audio stream in common")
    own, peer = both
    own_codecs = own.codecs()
    common = [c for c in peer.codecs() if any(c.same(o) for o in own_codecs)]
    speech = [c for c in common if c.encoding.lower() not in NOT_SPEECH]
    if not speech:
        raise SdpError("no codec in common")
    codec = speech[0]
    event = _event(common, codec.clock_rate)
    own_event = None if event is None else _counterpart(own_codecs, event)
    shared = own.attribute("rtcp-mux") is not None and peer.attribute("rtcp-mux") is not None
    host = theirs.address(peer)
    remote_direction = theirs.direction(peer)
    if _is_unspecified(host):
        remote_direction = Direction.of(sends=remote_direction.sends, receives=False)
    said = ours.direction(own)
    return Media(
        encoding=codec.encoding,
        payload_type=codec.payload_type,
        own_payload_type=_counterpart(own_codecs, codec).payload_type,
        clock_rate=codec.clock_rate,
        channels=codec.channels,
        fmtp=codec.fmtp,
        ptime=_ptime(peer),
        max_ptime=_milliseconds(peer.attribute("maxptime")),
        event_payload_type=event.payload_type if event else None,
        own_event_payload_type=own_event.payload_type if own_event else None,
        event_clock_rate=event.clock_rate if event else 8000,
        remote=(host, peer.port),
        remote_rtcp=(host, peer.port) if shared else _rtcp(peer, host),
        rtcp_mux=shared,
        direction=Direction.of(
            sends=said.sends and remote_direction.receives,
            receives=said.receives and remote_direction.sends,
        ),
        own_direction=said,
        remote_direction=remote_direction,
        comfort_noise=agreed_noise(codec, common),
        crypto=agreed_keys(own, peer),
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
    codecs = {codec.payload_type: codec for codec in session.offered()}
    codec = codecs.get(negotiated.payload_type)
    if codec is None:
        return media
    agrees = codec.encoding.lower() == media.encoding.lower() and direction is media.direction
    if agrees and negotiated.remote == media.remote:
        return media
    event = _event(list(codecs.values()), codec.clock_rate)
    return replace(
        media,
        encoding=codec.encoding,
        payload_type=codec.payload_type,
        own_payload_type=codec.payload_type,
        clock_rate=codec.clock_rate,
        channels=codec.channels,
        fmtp=codec.fmtp,
        event_payload_type=negotiated.event_payload_type,
        own_event_payload_type=None if event is None else event.payload_type,
        comfort_noise=False,
        remote=negotiated.remote,
        remote_rtcp=negotiated.remote_rtcp,
        direction=direction,
        own_direction=said,
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
    codecs = parse(sdp).offered()
    return tuple(c.encoding for c in codecs if c.encoding.lower() not in NOT_SPEECH)


def offer_in_words(sdp: str) -> str:
    """What an offer has for us to hear, for the log."""
    try:
        session = parse(sdp)
    except SdpError:
        return "no offer that can be read" if sdp else "no offer"
    if not (audio := session.audio()):
        return "no audio"
    section = session.sections[audio[0]]
    names = ", ".join(codec.encoding for codec in section.codecs()[:IN_WORDS])
    return f"{names or 'codecs without a name'} over {section.protocol}"


def _event(common: list[Codec], clock_rate: int) -> Codec | None:
    """telephone-event on the codec's clock (RFC 4733 section 2.1), else on any."""
    events = [c for c in common if c.encoding.lower() == "telephone-event"]
    same = [e for e in events if e.clock_rate == clock_rate]
    return next(iter(same or events), None)


def _counterpart(ours: list[Codec], theirs: Codec) -> Codec:
    """What our description calls a format of theirs; by the same number, where it has several."""
    same = [codec for codec in ours if codec.same(theirs)]
    return next((c for c in same if c.payload_type == theirs.payload_type), same[0])


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
    port = number(words[0]) if words else None
    if port is None or port > 65535:
        return host, section.port + 1
    return (words[3] if len(words) == 4 else host), port


def _is_unspecified(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return host == "0"
