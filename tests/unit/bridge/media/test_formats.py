from dataclasses import replace

import pytest

import rtp
import sip
from bridge.errors import BadOffer, NoCommonCodec
from bridge.media.formats import format_of, preferred_codec, spoken
from tests.support.fake_stack import describe_audio

OURS = ("PCMA", "PCMU")


def test_our_order_decides_between_the_codecs_of_an_offer() -> None:
    assert preferred_codec(describe_audio(("PCMU", "PCMA")), OURS) == "PCMA"
    assert preferred_codec(describe_audio(("PCMU",)), OURS) == "PCMU"


def test_without_an_offer_it_is_our_first() -> None:
    assert preferred_codec("", OURS) == "PCMA"


def test_nothing_in_common_names_both_sides() -> None:
    with pytest.raises(NoCommonCodec, match="offered opus; we speak PCMA, PCMU"):
        preferred_codec(describe_audio(("opus",)), OURS)


def test_an_offer_without_audio_has_nothing_in_common() -> None:
    video = describe_audio().replace("m=audio", "m=video")
    with pytest.raises(NoCommonCodec, match="offered none"):
        preferred_codec(video, OURS)


def test_an_offer_that_cannot_be_read_is_a_bad_one() -> None:
    with pytest.raises(BadOffer):
        preferred_codec("hello", OURS)


def test_codecs_that_this_build_cannot_carry_are_passed_over() -> None:
    assert spoken(("EVS", "PCMU", "pcma")) == ("PCMU", "pcma")


def test_the_format_of_a_call_is_what_was_agreed_on() -> None:
    theirs = describe_audio(("PCMU",)) + "a=ptime:30\r\n"
    media = sip.describe(describe_audio(("PCMU",)), theirs)
    audio = format_of(media, sample_rate=8000)
    assert (audio.encoding, audio.payload_type, audio.ptime) == ("PCMU", 0, 30)
    assert (audio.clock_rate, audio.sample_rate) == (8000, 8000)
    assert (audio.event_payload_type, audio.event_clock_rate) == (101, 8000)


@pytest.mark.parametrize(
    ("fmtp", "bitrate", "dtx"),
    [
        ("", 24000, False),
        ("useinbandfec=1", 24000, False),
        ("maxaveragebitrate=16000; usedtx=1", 16000, True),
        ("MaxAverageBitrate=64000;usedtx=0", 24000, False),
        ("maxaveragebitrate=1", 6000, False),
        ("maxaveragebitrate=-5; usedtx", 24000, False),
        ("maxaveragebitrate=99999999999999999999", 24000, False),
        (";;=;==1", 24000, False),
    ],
)
def test_opus_is_sent_on_our_terms_within_what_the_other_side_says(
    fmtp: str, bitrate: int, dtx: bool
) -> None:
    theirs = describe_audio(("opus",)) + f"a=fmtp:96 {fmtp}\r\n"
    media = replace(sip.describe(theirs, theirs), fmtp=fmtp)
    terms = rtp.OpusTerms(bitrate=24000, complexity=7)
    audio = format_of(media, sample_rate=16000, opus=terms)
    redundancy = fmtp == "useinbandfec=1"
    assert audio.opus == rtp.OpusTerms(
        bitrate=bitrate, complexity=7, dtx=dtx, redundancy=redundancy
    )


def test_the_terms_of_opus_make_no_difference_to_another_codec() -> None:
    media = sip.describe(describe_audio(("PCMU",)), describe_audio(("PCMU",)))
    assert format_of(media, sample_rate=8000, opus=rtp.OpusTerms(bitrate=9000)).opus.bitrate != 9000
