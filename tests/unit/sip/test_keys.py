import pytest

from sip import SdpError
from sip.keys import answer_keys, has_keys
from sip.negotiation import describe
from tests.support.descriptions import ANOTHER, KEY, OURS, SUITE, ours, theirs


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
