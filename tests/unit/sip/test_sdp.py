import pytest

from sip import Direction, MediaAddress, SdpError
from sip.sdp import (
    Negotiated,
    amend,
    answer_keys,
    describe,
    has_keys,
    media_host,
    offered_codecs,
    prefer,
    readdress,
    restrict,
    share_port,
)

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


def test_negotiated_media_is_described() -> None:
    media = describe(EVENTS, theirs("8 0 101", "a=ptime:30", "a=fmtp:8 x=1"))
    assert (media.encoding, media.payload_type, media.clock_rate) == ("PCMA", 8, 8000)
    assert (media.channels, media.fmtp, media.ptime) == (1, "x=1", 30)
    assert (media.event_payload_type, media.event_clock_rate) == (101, 8000)
    assert (media.remote, media.remote_rtcp) == (("192.0.2.7", 6000), ("192.0.2.7", 6001))
    assert media.direction is Direction.SENDRECV
    assert not media.held
    assert not media.secure
    assert not media.rtcp_mux


def test_a_dynamic_codec_is_matched_by_name_clock_and_channels() -> None:
    media = describe(OURS, theirs("111", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 stereo=0"))
    assert (media.encoding, media.payload_type, media.clock_rate) == ("opus", 111, 48000)
    assert (media.channels, media.fmtp) == (2, "stereo=0")
    with pytest.raises(SdpError):
        describe(OURS, theirs("111", "a=rtpmap:111 opus/16000/1"))


@pytest.mark.parametrize(
    ("said", "ours", "held"),
    [
        ("a=sendrecv", Direction.SENDRECV, False),
        ("a=sendonly", Direction.RECVONLY, True),
        ("a=recvonly", Direction.SENDONLY, False),
        ("a=inactive", Direction.INACTIVE, True),
    ],
)
def test_direction_is_ours_and_held_is_theirs(said: str, ours: Direction, held: bool) -> None:
    for sdp in (theirs("0", said), theirs("0", session=said)):
        media = describe(OURS, sdp)
        assert media.direction is ours
        assert media.held is held


def test_our_own_hold_is_not_theirs() -> None:
    media = describe(OURS.replace("a=sendrecv", "a=sendonly"), theirs("0", "a=recvonly"))
    assert media.direction is Direction.SENDONLY
    assert not media.held


@pytest.mark.parametrize("address", ["0.0.0.0", "0"])
def test_a_null_address_is_a_hold(address: str) -> None:
    media = describe(OURS, theirs("0", address=address))
    assert media.held
    assert media.direction is Direction.RECVONLY


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ((), 20),
        (("a=ptime:20",), 20),
        (("a=ptime:10",), 10),
        (("a=ptime:60",), 60),
        (("a=ptime:5",), 10),
        (("a=ptime:200",), 60),
        (("a=ptime:25",), 20),
        (("a=ptime:40", "a=maxptime:30"), 30),
        (("a=ptime:zwanzig",), 20),
        (("a=ptime:99999999999",), 20),
    ],
)
def test_ptime_is_whole_tens_within_bounds(lines: tuple[str, ...], ptime: int) -> None:
    assert describe(OURS, theirs("0", *lines)).ptime == ptime


def test_rtcp_may_be_elsewhere() -> None:
    there = describe(OURS, theirs("0", "a=rtcp:7001 IN IP4 192.0.2.9", "a=rtcp-mux"))
    assert there.remote_rtcp == ("192.0.2.9", 7001)
    assert not there.rtcp_mux
    assert describe(OURS, theirs("0", "a=rtcp:7001")).remote_rtcp == ("192.0.2.7", 7001)
    assert describe(OURS, theirs("0", "a=rtcp:x")).remote_rtcp == ("192.0.2.7", 6001)


def test_secure_media_is_told_with_the_key_of_each_way() -> None:
    for protocol in ("RTP/SAVP", "RTP/AVP"):
        media = describe(ours(KEY, protocol=protocol), theirs("0", ANOTHER, protocol=protocol))
        assert media.secure
        assert media.crypto is not None
        assert (media.crypto.suite, media.crypto.send[:1]) == (SUITE, b"\0")
        assert media.crypto.receive[:1] == b"\x04"
        assert "AAAA" not in repr(media)


@pytest.mark.parametrize(
    ("local", "remote", "protocol"),
    [
        ((), (), "RTP/SAVP"),
        ((KEY,), (), "RTP/SAVP"),
        ((KEY,), (ANOTHER + "|1:4",), "RTP/SAVP"),
        ((KEY,), (ANOTHER.replace("_80", "_32"),), "RTP/AVP"),
    ],
)
def test_keys_that_do_not_meet_are_an_error(
    local: tuple[str, ...], remote: tuple[str, ...], protocol: str
) -> None:
    with pytest.raises(SdpError, match="keys"):
        describe(ours(*local, protocol=protocol), theirs("0", *remote, protocol=protocol))


def test_keys_that_one_side_passes_over_leave_the_media_plain() -> None:
    assert not describe(ours(KEY, protocol="RTP/AVP"), theirs("0")).secure
    assert not describe(ours(protocol="RTP/AVP"), theirs("0", KEY)).secure


def test_an_answer_keeps_its_keys_where_they_meet_the_offer() -> None:
    answer = ours(ANOTHER)
    assert answer_keys(answer, theirs("0", KEY, protocol="RTP/SAVP")) == answer
    assert answer_keys(OURS, theirs("0", KEY)) == OURS
    assert answer_keys(OURS, "v=0\r\n") == OURS


def test_an_answer_to_a_line_nobody_can_keep_to_is_given_to_another_or_to_none() -> None:
    identified = KEY + "|2^20|1:4"
    wide = "a=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:" + "A" * 62 + "=="
    remote = theirs("0", identified, wide, protocol="RTP/SAVP")
    answer = answer_keys(ours(ANOTHER), remote)
    assert answer.count("a=crypto:") == 1
    assert describe(answer, remote).crypto is not None
    assert "a=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:" in answer
    assert "a=crypto" not in answer_keys(ours(ANOTHER), theirs("0", identified))


def test_our_address_codecs_and_order_leave_key_lines_as_they_are() -> None:
    sdp = readdress(ours(KEY), MediaAddress(host="198.51.100.4", port=20000))
    assert KEY in restrict(sdp, ("PCMU",))
    assert KEY in prefer(sdp, theirs("0"), ("PCMU",))
    assert "m=audio 20000 RTP/SAVP" in sdp


def test_an_offer_that_demands_encryption_needs_keys_and_others_do_not() -> None:
    assert has_keys(theirs("0", KEY, protocol="RTP/SAVP"))
    assert not has_keys(theirs("0", protocol="RTP/SAVP"))
    assert not has_keys(theirs("0", KEY + "|1:4", protocol="RTP/SAVPF"))
    assert has_keys(theirs("0"))
    assert has_keys("nonsense")


def test_a_suite_that_is_not_there_counts_as_no_key() -> None:
    gcm = "a=crypto:1 AEAD_AES_128_GCM inline:" + "A" * 38 + "=="
    remote = theirs("0", gcm, protocol="RTP/SAVP")
    assert has_keys(remote)
    assert not has_keys(remote, suites=("AES_CM_128_HMAC_SHA1_80",))
    assert "AEAD_AES_128_GCM" in answer_keys(ours(ANOTHER), remote)
    assert "a=crypto" not in answer_keys(ours(ANOTHER), remote, suites=())


@pytest.mark.parametrize(
    ("signalling", "offered", "suits"),
    [
        ("192.0.2.1", "10.0.0.1", "192.0.2.1"),
        ("192.0.2.1", "2001:db8::9", "2001:db8::9"),
        ("2001:db8::1", "10.0.0.1", "10.0.0.1"),
        ("192.0.2.1", "::", "192.0.2.1"),
        ("192.0.2.1", "phone.example", "192.0.2.1"),
    ],
)
def test_our_address_suits_who_sent_the_offer_unless_its_ip_version_is_another(
    signalling: str, offered: str, suits: str
) -> None:
    offer = f"v=0\r\nc=IN IP{6 if ':' in offered else 4} {offered}\r\nm=audio 9 RTP/AVP 0\r\n"
    assert media_host(offer, signalling=signalling) == suits
    assert media_host("", signalling=signalling) == signalling


def test_the_stream_in_use_is_found_behind_one_that_is_off() -> None:
    off = "m=audio 0 RTP/AVP 0\r\n"
    mine = OURS.replace("m=audio", off + "m=audio", 1)
    yours = theirs("0").replace("m=audio", off + "m=audio", 1)
    assert describe(mine, yours).remote == ("192.0.2.7", 6000)


def test_offered_codecs_are_named_in_order_without_events() -> None:
    assert offered_codecs(theirs("8 13 0 101 77")) == ("PCMA", "PCMU")
    assert offered_codecs("v=0\r\nm=video 1 RTP/AVP 0\r\n") == ()


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "hello",
        "v=0\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\r\nm=audio 99999 RTP/AVP 0\r\n",
        "v=0\r\nm=audio 6000 RTP/AVP 0\r\n",
        "v=0\r\nc=IN IP4\r\nm=audio 6000 RTP/AVP 0\r\n",
        "v=0\r\nc=IN IP4 x\r\nm=audio 6000 RTP/AVP 18\r\n",
        "v=0\r\nc=IN IP4 x\r\nm=audio 0 RTP/AVP 0\r\n",
    ],
)
def test_a_description_that_cannot_be_used_is_an_sdp_error(sdp: str) -> None:
    with pytest.raises(SdpError):
        describe(OURS, sdp)


def negotiated(**fields: object) -> Negotiated:
    values: dict[str, object] = {
        "remote": ("192.0.2.7", 6000),
        "remote_rtcp": ("192.0.2.7", 6001),
        "payload_type": 0,
        "event_payload_type": 101,
        "sends": True,
        "receives": True,
        **fields,
    }
    return Negotiated(**values)  # type: ignore[arg-type]


def test_media_that_the_stack_agrees_with_is_left_alone() -> None:
    media = describe(EVENTS, theirs("0 101"))
    assert amend(media, negotiated()) is media
    assert amend(media, negotiated(payload_type=77)) is media


def test_a_dynamic_payload_type_may_differ_by_direction() -> None:
    media = describe(OURS, theirs("111", "a=rtpmap:111 opus/48000/2"))
    assert amend(media, negotiated(payload_type=96)) is media


def test_media_moved_by_an_answer_nobody_saw_is_amended() -> None:
    media = describe(EVENTS, theirs("0 101"))
    moved = amend(media, negotiated(remote=("192.0.2.9", 7000), payload_type=8, sends=False))
    assert (moved.remote, moved.encoding, moved.payload_type) == (("192.0.2.9", 7000), "PCMA", 8)
    assert moved.direction is Direction.RECVONLY
    assert moved.held
    assert moved.remote_sdp == ""


def test_our_own_hold_stays_ours_when_amended() -> None:
    local = EVENTS.replace("a=sendrecv", "a=sendonly")
    media = describe(local, theirs("0 101", "a=recvonly"))
    moved = amend(media, negotiated(remote=("192.0.2.9", 7000), receives=False))
    assert not moved.held


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
