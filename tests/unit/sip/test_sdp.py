import pytest

from sip import MediaAddress, SdpError
from sip.comfort_noise import with_noise
from sip.negotiation import describe
from sip.sdp import prefer, readdress, restrict, share_port
from tests.support.descriptions import KEY, OURS, ours, theirs


def test_our_address_takes_the_place_of_the_stacks() -> None:
    sdp = readdress(OURS, MediaAddress(host="198.51.100.4", port=20000)).split("\r\n")
    assert "o=- 1 2 IN IP4 198.51.100.4" in sdp
    assert "s=-" in sdp
    assert sdp.index("c=IN IP4 198.51.100.4") < sdp.index("b=AS:84") < sdp.index("t=0 0")
    assert "m=audio 20000 RTP/AVP 0 8 9 96 120" in sdp
    assert "a=rtcp:20001 IN IP4 198.51.100.4" in sdp
    assert not [line for line in sdp if "10.0.0.1" in line or "ssrc" in line]


def test_streams_other_than_the_first_audio_are_off() -> None:
    two = OURS + "m=audio 4004 RTP/AVP 0\n"
    sdp = readdress(two, MediaAddress(host="198.51.100.4", port=20000))
    assert "m=video 0 RTP/AVP 97" in sdp
    assert "m=audio 0 RTP/AVP 0" in sdp


def test_an_ipv6_address_is_written_as_such() -> None:
    sdp = readdress(OURS, MediaAddress(host="2001:db8::1", port=20000))
    assert "c=IN IP6 2001:db8::1" in sdp
    assert "a=rtcp:20001 IN IP6 2001:db8::1" in sdp


def test_an_answer_holds_the_codec_we_prefer() -> None:
    sdp = prefer(OURS, theirs("0 8 9 101"), ("G722", "PCMU"))
    assert "m=audio 4000 RTP/AVP 9 120" in sdp
    assert "a=rtpmap:9 G722/8000" in sdp
    assert "PCMU" not in sdp
    assert "a=rtpmap:120 telephone-event/8000" in sdp


def test_an_answer_without_a_preferred_codec_is_left_to_the_stack() -> None:
    assert prefer(OURS, theirs("18"), ("G722",)) == OURS
    assert prefer(OURS, "v=0\r\n", ("G722",)) == OURS


def test_an_offer_holds_our_codecs_in_our_order_and_events_on_101() -> None:
    sdp = restrict(OURS, ("PCMA", "PCMU"))
    assert "m=audio 4000 RTP/AVP 8 0 101" in sdp
    assert "a=fmtp:101 0-16" in sdp
    assert "opus" not in sdp


def test_an_offer_of_codecs_that_the_build_lacks_is_an_error() -> None:
    with pytest.raises(SdpError, match="AMR"):
        restrict(OURS, ("AMR",))


def test_our_address_codecs_and_order_leave_key_lines_as_they_are() -> None:
    sdp = readdress(ours(KEY), MediaAddress(host="198.51.100.4", port=20000))
    assert KEY in restrict(sdp, ("PCMU",))
    assert KEY in prefer(sdp, theirs("0"), ("PCMU",))
    assert "m=audio 20000 RTP/SAVP" in sdp


def test_rtcp_shares_the_port_of_rtp_where_an_offer_asks_for_it() -> None:
    ours = readdress(OURS, MediaAddress(host="198.51.100.4", port=20000))
    offer = theirs("0", "a=rtcp:7001 IN IP4 192.0.2.9", "a=rtcp-mux")
    answer = share_port(ours, offer)
    assert "a=rtcp-mux" in answer
    assert "a=rtcp:" not in answer
    media = describe(answer, offer)
    assert media.rtcp_mux
    assert media.remote_rtcp == media.remote
    assert share_port(ours, theirs("0")) == ours
    assert share_port(ours, "v=0\r\n") == ours


NOISE = "a=rtpmap:13 CN/8000"


def test_comfort_noise_is_an_attribute_of_what_the_stack_reads() -> None:
    assert with_noise(OURS).replace("\r\n", "\n") == OURS.replace("m=video", f"{NOISE}\nm=video")
    assert NOISE in with_noise(OURS, theirs("0 101", NOISE))


@pytest.mark.parametrize(
    ("sdp", "offer"),
    [
        (OURS, theirs("0 101")),
        (OURS, theirs("0 101").replace("m=audio 6000", "m=audio 0")),
        (prefer(OURS, theirs("96", "a=rtpmap:96 opus/48000/2"), ("opus",)), theirs("96", NOISE)),
        (OURS.replace("m=audio 4000", "m=audio 0"), ""),
    ],
)
def test_comfort_noise_is_left_out_where_it_is_not_offered_or_nothing_goes_with_it(
    sdp: str, offer: str
) -> None:
    assert NOISE not in with_noise(sdp, offer)
