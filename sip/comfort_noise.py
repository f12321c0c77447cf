"""Comfort noise (RFC 3389) in descriptions: whether it is agreed on, beside what PJSIP settles.

PJSIP takes payload type 13 for a codec: it leaves it out of answers, and an answer with it in front
leaves the call without a codec. So our build of PJSIP is shown, in each description, an attribute
alone for it, and the format itself is put in and taken out at the wire
(`deploy/pjsua2/comfort_noise.i`).
"""

from enum import StrEnum

from sip.description import Codec, common_audio, parse, print_session

__all__ = ["ComfortNoise", "agreed_noise", "with_noise"]

PAYLOAD_TYPE = 13
"""RFC 3551 table 4; it has a clock of 8000 Hz and belongs to codecs with that one."""
CLOCK_RATE = 8000
MARK = f"a=rtpmap:{PAYLOAD_TYPE} CN/{CLOCK_RATE}"


class ComfortNoise(StrEnum):
    """When we agree to comfort noise in place of silence."""

    OFF = "off"
    ANSWER = "answer"
    """Where the other side offers it."""
    OFFER = "offer"
    """Our offers have it, too."""


def with_noise(local: str, remote: str = "") -> str:
    """Our description as the stack wrote it, with comfort noise: an offer, or the answer to one.

    Unchanged where that offer has none, or no codec in ours goes with it. Raises SdpError.
    """
    ours = parse(local)
    both = common_audio(ours, parse(remote) if remote else ours)
    if both is None:
        return local
    section, theirs = both
    if MARK not in theirs.lines and remote:
        return local
    if not any(_goes_with_noise(codec) for codec in section.codecs()):
        return local
    section.lines.append(MARK)
    return print_session(ours)


def agreed_noise(codec: Codec, common: list[Codec]) -> bool:
    """Whether silence between the speech of ``codec`` may be comfort noise."""
    found = any(c.encoding.lower() == "cn" and c.payload_type == PAYLOAD_TYPE for c in common)
    return found and _goes_with_noise(codec)


def _goes_with_noise(codec: Codec) -> bool:
    return codec.clock_rate == CLOCK_RATE and codec.encoding.lower() != "telephone-event"
