"""Nothing in a description raises anything but SdpError, and nothing of ours is lost in one."""

import contextlib
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from sip import Headers, MediaAddress, SdpError
from sip.comfort_noise import with_noise
from sip.dialog import q850_of
from sip.keys import answer_keys, has_keys
from sip.message import parse_message
from sip.negotiation import describe, offered_codecs
from sip.sdp import prefer, readdress, restrict
from sip.uri import parse_name_addr, parse_uri
from tests.support.fake_stack import OFFER

MEDIA = MediaAddress(host="198.51.100.4", port=20000)

WORDS = st.sampled_from(
    ["0", "8", "101", "6000", "RTP/AVP", "audio", "IN", "IP4", "192.0.2.1", "PCMU/8000",
     "opus/48000/2", "telephone-event/8000", "-1", "99999999999", "²", "٣", ":", "/", "a=", "", " "]
)  # fmt: skip
LINES = st.builds(
    lambda kind, words, end: kind + " ".join(words) + end,
    st.sampled_from(
        ["v=", "o=", "s=", "c=", "t=", "m=", "m=audio ", "a=", "a=rtpmap:", "a=fmtp:", "a=ptime:",
         "a=maxptime:", "a=rtcp:", "a=sendonly", "a=inactive", "b=", "c=IN IP4 ", ""]
    ),
    st.lists(WORDS | st.text(max_size=12), max_size=6),
    st.sampled_from(["\r\n", "\n", "\r"]),
)  # fmt: skip
SDP = st.one_of(
    st.text(),
    st.lists(LINES, max_size=20).map("".join),
    st.lists(LINES, max_size=20).map(lambda lines: "v=0\r\n" + "".join(lines)),
)


@given(SDP, SDP)
def test_any_pair_of_descriptions_is_described_or_refused(ours: str, theirs: str) -> None:
    for local, remote in ((ours, theirs), (OFFER, theirs), (ours, OFFER)):
        try:
            media = describe(local, remote)
        except SdpError:
            continue
        assert 10 <= media.ptime <= 60
        assert 0 <= media.payload_type <= 127
        assert media.clock_rate > 0


@given(SDP)
@example("v=0\r\nm=audio 1 RTP/AVP \u00b2\r\n")
@example("v=0\r\nm=audio " + "9" * 5000 + " RTP/AVP 0\r\n")
@example("v=0\r\nm=audio 1 RTP/AVP 96 " + "9" * 5000 + "\r\na=rtpmap:96 X/" + "9" * 5000 + "\r\n")
@example("v=0\r\nm=audio 1 RTP/AVP 0\r\na=rtpmap:" + "9" * 5000 + " PCMU/8000\r\n")
def test_any_description_is_rewritten_or_refused(sdp: str) -> None:
    rewritings: list[Callable[[], object]] = [
        lambda: readdress(sdp, MEDIA),
        lambda: restrict(sdp, ("PCMU",)),
        lambda: prefer(OFFER, sdp, ("PCMU",)),
        lambda: prefer(sdp, OFFER, ("PCMU",)),
        lambda: with_noise(sdp),
        lambda: with_noise(OFFER, sdp),
        lambda: offered_codecs(sdp),
        lambda: answer_keys(OFFER, sdp),
        lambda: answer_keys(sdp, OFFER),
        lambda: answer_keys(sdp, sdp),
        lambda: has_keys(sdp),
    ]
    for rewrite in rewritings:
        with contextlib.suppress(SdpError):
            rewrite()


@given(st.lists(LINES, max_size=10))
def test_our_address_gets_into_every_description_of_ours(lines: list[str]) -> None:
    try:
        sdp = readdress(OFFER + "".join(lines), MEDIA)
    except SdpError:
        return
    assert "m=audio 20000 " in sdp
    assert "c=IN IP4 198.51.100.4" in sdp


@given(st.text() | st.lists(st.text(max_size=20), max_size=8).map("\r\n".join))
def test_any_text_is_a_message_or_a_value_error(text: str) -> None:
    try:
        message = parse_message(text)
    except ValueError:
        return
    assert isinstance(message.sdp, str)
    assert message.retry_after_s is None or message.retry_after_s >= 0
    q850_of(message.headers)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    parse_name_addr(text)
    q850_of(Headers([("Reason", text)]))
    for prefix in ("", "sip:", "tel:"):
        try:
            parse_uri(prefix + text)
        except ValueError:
            continue
