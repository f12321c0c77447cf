"""Keys of SRTP in offers and answers (RFC 4568): which can be kept to, and which was agreed on."""

from collections.abc import Container

from sip.crypto import SUITES, Crypto, agree, choose, print_line, usable
from sip.description import SdpError, Section, common_audio, parse, print_session

__all__ = ["agreed_keys", "answer_keys", "has_keys"]


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
    both = common_audio(session, theirs)
    if both is None:
        return local
    section, peer = both
    own, offered = section.attributes("crypto"), peer.attributes("crypto")
    if not own or agree(own, offered) is not None:
        return local
    section.lines = [line for line in section.lines if not line.startswith("a=crypto:")]
    line = choose(offered, suites)
    if line is not None:
        section.lines.append(print_line(line))
    return print_session(session)


def agreed_keys(own: Section, peer: Section) -> Crypto | None:
    """The keys of both ways, or None; keys with RTP/AVP are an offer to encrypt, not a demand.

    Raises SdpError where encryption is demanded and no keys agree.
    """
    ours, theirs = own.attributes("crypto"), peer.attributes("crypto")
    demanded = _demands(own) or _demands(peer)
    if not demanded and not (ours and theirs):
        return None
    crypto = agree(ours, theirs)
    if crypto is None:
        raise SdpError("no SRTP keys in common")
    return crypto


def _demands(section: Section) -> bool:
    return "SAVP" in section.protocol
