"""The descriptions and messages that a fake SIP stack deals in."""

from collections.abc import Mapping

from sip.message import Headers, Message
from sip.negotiation import offered_codecs

__all__ = ["OFFER", "answer_to", "describe_audio", "directed", "message"]

FORMATS = {
    "PCMU": "0 PCMU/8000",
    "PCMA": "8 PCMA/8000",
    "G722": "9 G722/8000",
    "opus": "96 opus/48000/2",
}
REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly"}


def describe_audio(
    codecs: tuple[str, ...] = ("PCMU", "PCMA"),
    *,
    host: str = "127.0.0.2",
    port: int = 6000,
    direction: str = "sendrecv",
) -> str:
    """An audio description with telephone-event on 101."""
    maps = [FORMATS[codec] for codec in codecs]
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join([*(each.split()[0] for each in maps), '101'])}",
        *(f"a=rtpmap:{each}" for each in maps),
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        f"a={direction}",
    ]
    return "\r\n".join(lines) + "\r\n"


OFFER = describe_audio()


def answer_to(offer: str, *, host: str, port: int, codecs: tuple[str, ...] = ()) -> str:
    """An answer with one codec; the offer's first, where ``codecs`` does not say."""
    offered = offered_codecs(offer)
    best = next((codec for codec in codecs if codec in offered), offered[0])
    said = next((d for d in ("sendonly", "recvonly", "inactive") if f"a={d}" in offer), "sendrecv")
    return describe_audio((best,), host=host, port=port, direction=REVERSED.get(said, said))


def directed(sdp: str, direction: str) -> str:
    """The description with another direction."""
    for each in ("sendrecv", "sendonly", "recvonly", "inactive"):
        sdp = sdp.replace(f"a={each}", f"a={direction}")
    return sdp


def message(
    method: str,
    *,
    uri: str = "",
    code: int = 0,
    reason: str = "",
    headers: Mapping[str, str] | None = None,
    body: str = "",
) -> Message:
    """A SIP message as the stack would have read it."""
    fields = dict(headers or {})
    if body and "Content-Type" not in fields:
        fields["Content-Type"] = "application/sdp"
    return Message(
        method=method,
        request_uri=uri,
        code=code,
        reason=reason,
        headers=Headers(fields.items()),
        body=body,
    )
