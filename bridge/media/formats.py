"""From what SIP negotiated to what RTP carries and the agent hears."""

from collections.abc import Sequence
from dataclasses import replace

import rtp
import sip
from bridge.errors import BadOffer, NoCommonCodec
from rtp.codec import ENCODINGS

OPUS = rtp.OpusTerms()
LEAST_BITRATE = 6000
"""Bits per second that Opus needs for speech (RFC 7587 section 6.1)."""
MAX_DIGITS = 10
"""Of a number that is worth reading."""

__all__ = ["format_of", "keys_of", "preferred_codec", "spoken"]


def spoken(codecs: Sequence[str]) -> tuple[str, ...]:
    """Those of the configured `codecs` that this build can carry, in their order."""
    return tuple(codec for codec in codecs if codec.upper() in ENCODINGS)


def preferred_codec(offer: str, codecs: Sequence[str]) -> str:
    """The first of our `codecs` that `offer` (SDP) holds; our first where there is no offer.

    Raises NoCommonCodec, which names both sides' codecs, or BadOffer.
    """
    if not offer:
        return codecs[0]
    try:
        offered = sip.offered_codecs(offer)
    except sip.SdpError as error:
        raise BadOffer(str(error)) from error
    theirs = {name.lower() for name in offered}
    for codec in codecs:
        if codec.lower() in theirs:
            return codec
    raise NoCommonCodec(f"offered {', '.join(offered) or 'none'}; we speak {', '.join(codecs)}")


def format_of(media: sip.Media, *, sample_rate: int, opus: rtp.OpusTerms = OPUS) -> rtp.Format:
    """The RTP format that an offer and answer agreed on, for an agent that hears `sample_rate`.

    Opus is sent on the configured terms, within what the other side says of itself.
    """
    return rtp.Format(
        encoding=media.encoding,
        payload_type=media.payload_type,
        clock_rate=media.clock_rate,
        sample_rate=sample_rate,
        ptime=media.ptime,
        max_ptime=media.max_ptime,
        event_payload_type=media.event_payload_type,
        event_clock_rate=media.event_clock_rate,
        own_payload_type=media.own_payload_type,
        own_event_payload_type=media.own_event_payload_type,
        comfort_noise=media.comfort_noise,
        opus=_within(media, opus),
    )


def _within(media: sip.Media, terms: rtp.OpusTerms) -> rtp.OpusTerms:
    """Our terms, as far as the other side's fmtp (RFC 7587 section 6.1) goes along with them."""
    if media.encoding.lower() != "opus":
        return OPUS
    said = dict(part.strip().partition("=")[::2] for part in media.fmtp.lower().split(";"))
    most = said.get("maxaveragebitrate", "")
    bitrate = terms.bitrate
    if most.isascii() and most.isdigit() and len(most) < MAX_DIGITS:
        bitrate = min(bitrate, max(LEAST_BITRATE, int(most)))
    dtx, redundancy = said.get("usedtx") == "1", said.get("useinbandfec") == "1"
    return replace(terms, bitrate=bitrate, dtx=dtx, redundancy=redundancy)


def keys_of(media: sip.Media) -> rtp.Keys | None:
    """The keys of SRTP that an offer and answer agreed on; None where RTP goes unencrypted."""
    crypto = media.crypto
    if crypto is None:
        return None
    return rtp.Keys(suite=crypto.suite, send=crypto.send, receive=crypto.receive)
