import pytest

from sip import Direction, SdpError
from sip.negotiation import Negotiated, amend, describe, media_host, offer_in_words, offered_codecs
from tests.support.descriptions import EVENTS, OURS, theirs


def test_negotiated_media_is_described() -> None:
    media = describe(EVENTS, theirs("8 0 101", "a=ptime:30", "a=fmtp:8 x=1"))
    assert (media.encoding, media.payload_type, media.clock_rate) == ("PCMA", 8, 8000)
    assert (media.channels, media.fmtp, media.ptime, media.max_ptime) == (1, "x=1", 30, 0)
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
    assert media.own_payload_type == 96
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


def test_the_longest_packet_that_a_peer_takes_is_known() -> None:
    assert describe(OURS, theirs("0", "a=ptime:20", "a=maxptime:30")).max_ptime == 30


def test_rtcp_may_be_elsewhere() -> None:
    there = describe(OURS, theirs("0", "a=rtcp:7001 IN IP4 192.0.2.9", "a=rtcp-mux"))
    assert there.remote_rtcp == ("192.0.2.9", 7001)
    assert not there.rtcp_mux
    assert describe(OURS, theirs("0", "a=rtcp:7001")).remote_rtcp == ("192.0.2.7", 7001)
    assert describe(OURS, theirs("0", "a=rtcp:x")).remote_rtcp == ("192.0.2.7", 6001)


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


def test_telephone_event_is_sent_by_their_number_and_comes_by_ours() -> None:
    media = describe(OURS, theirs("0 101"))
    assert (media.event_payload_type, media.own_event_payload_type) == (101, 120)
    assert (media.payload_type, media.own_payload_type) == (0, 0)


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


@pytest.mark.parametrize(
    ("sdp", "words"),
    [
        (
            theirs("18 101", "a=rtpmap:101 telephone-event/8000"),
            "G729, telephone-event over RTP/AVP",
        ),
        (theirs("0").replace("RTP/AVP", "RTP/SAVP"), "PCMU over RTP/SAVP"),
        (theirs("97"), "codecs without a name over RTP/AVP"),
        (theirs("0").replace("m=audio", "m=video"), "no audio"),
        ("hello", "no offer that can be read"),
        ("", "no offer"),
    ],
)
def test_an_offer_is_told_in_words(sdp: str, words: str) -> None:
    assert offer_in_words(sdp) == words


NOISY = EVENTS.replace("9 96 101", "9 96 101 13")
OPUS = "a=rtpmap:96 opus/48000/2"


@pytest.mark.parametrize(
    ("local", "remote", "agreed"),
    [
        (NOISY, theirs("0 13 101"), True),
        (NOISY, theirs("13 9 101"), True),
        (NOISY, theirs("0 101"), False),
        (EVENTS, theirs("0 13 101"), False),
        (NOISY, theirs("96 13", OPUS), False),
        (NOISY, theirs("0 97", "a=rtpmap:97 CN/8000"), False),
        (NOISY, theirs("0 13", "a=rtpmap:13 CN/16000"), False),
    ],
)
def test_comfort_noise_takes_both_sides_and_a_codec_of_its_clock(
    local: str, remote: str, *, agreed: bool
) -> None:
    assert describe(local, remote).comfort_noise is agreed


def test_an_answer_that_was_not_seen_settles_no_comfort_noise() -> None:
    negotiated = Negotiated(
        remote=("192.0.2.7", 7000),
        remote_rtcp=("192.0.2.7", 7001),
        payload_type=8,
        event_payload_type=None,
        sends=True,
        receives=True,
    )
    assert not amend(describe(NOISY, theirs("0 13 101")), negotiated).comfort_noise
