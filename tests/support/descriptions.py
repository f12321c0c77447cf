"""Session descriptions of both sides, as the stack and as a peer write them."""

__all__ = ["ANOTHER", "EVENTS", "KEY", "OURS", "SUITE", "ours", "theirs"]

OURS = """v=0
o=- 1 2 IN IP4 10.0.0.1
s=pjmedia
b=AS:84
t=0 0
a=X-nat:0
m=audio 4000 RTP/AVP 0 8 9 96 120
c=IN IP4 10.0.0.1
a=rtcp:4001 IN IP4 10.0.0.1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:9 G722/8000
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:120 telephone-event/8000
a=fmtp:120 0-16
a=ssrc:123 cname:abc
a=sendrecv
m=video 4002 RTP/AVP 97
a=rtpmap:97 H264/90000
"""


def theirs(
    formats: str = "0 101",
    *lines: str,
    address: str = "192.0.2.7",
    session: str = "",
    protocol: str = "RTP/AVP",
) -> str:
    return (
        "\r\n".join(
            [
                "v=0",
                "o=x 1 1 IN IP4 192.0.2.7",
                "s=-",
                f"c=IN IP4 {address}",
                "t=0 0",
                *([session] if session else []),
                f"m=audio 6000 {protocol} {formats}",
                "a=rtpmap:101 telephone-event/8000",
                *lines,
            ]
        )
        + "\r\n"
    )


EVENTS = OURS.replace("120", "101")
SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY, ANOTHER = (f"a=crypto:1 {SUITE} inline:{letter * 40}" for letter in "AB")


def ours(*lines: str, protocol: str = "RTP/SAVP") -> str:
    sdp = OURS.replace("audio 4000 RTP/AVP", f"audio 4000 {protocol}")
    return sdp.replace("a=sendrecv\n", "".join(f"{line}\n" for line in lines))
