import os
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtp import srtp
from rtp.srtp import SUITES, Keys, Srtp
from rtp.stats import StreamStats
from tests.support.srtp_forms import FORMS, form
from tests.support.srtp_oracle import SrtpOracle

SUITE = "AES_CM_128_HMAC_SHA1_80"
PEER = 0xDEADBEEF


@pytest.fixture(params=FORMS, autouse=True)
def _either_form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    context = form(request.param)
    if context is None:
        pytest.skip("not compiled (make setup)")
    monkeypatch.setattr(srtp, "_form", lambda: context)


def key(suite: str = SUITE) -> bytes:
    return os.urandom(SUITES[suite].octets)


def rtp(sequence: int, ssrc: int = PEER, payload: bytes = b"speech" * 20) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, sequence * 160, ssrc) + payload


def rtcp(ssrc: int = PEER) -> bytes:
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc) + struct.pack("!BBHI", 0x80, 202, 1, ssrc)


class Pair:
    """Our side, and what its peer's packets look like."""

    def __init__(self, suite: str = SUITE) -> None:
        self.keys = Keys(suite=suite, send=key(suite), receive=key(suite))
        self.stats = StreamStats()
        self.srtp = Srtp(self.keys, stats=self.stats)
        self.sender = SrtpOracle(suite, self.keys.receive)
        self.reader = SrtpOracle(suite, self.keys.send)


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite_is_what_its_rfc_says(suite: str) -> None:
    pair = Pair(suite)
    assert pair.srtp.protect(rtp(7)) == pair.reader.rtp(rtp(7))
    assert pair.srtp.unprotect(pair.sender.rtp(rtp(7))) == rtp(7)
    assert pair.srtp.protect_rtcp(rtcp()) == pair.reader.rtcp(rtcp(), 1)
    assert pair.srtp.unprotect_rtcp(pair.sender.rtcp(rtcp(), 9)) == rtcp()
    assert pair.stats == StreamStats()


def test_numbers_that_wrap_take_the_roll_over_count_along() -> None:
    pair = Pair()
    for sequence in (65534, 65535, 65536, 65537):
        packet, over = rtp(sequence), sequence >> 16
        assert pair.srtp.protect(packet) == pair.reader.rtp(packet, roll_over=over)
        assert pair.srtp.unprotect(pair.sender.rtp(packet, roll_over=over)) == packet


def test_rtcp_on_the_port_of_rtp_is_opened_as_rtcp() -> None:
    pair = Pair()
    assert pair.srtp.unprotect(pair.sender.rtcp(rtcp(), 1)) == rtcp()


def test_a_packet_out_of_order_is_taken_and_one_that_comes_twice_is_counted() -> None:
    pair = Pair()
    wire = [pair.sender.rtp(rtp(sequence)) for sequence in range(1, 4)]
    assert [pair.srtp.unprotect(wire[i]) is not None for i in (0, 2, 1, 2)] == [
        True,
        True,
        True,
        False,
    ]
    assert (pair.stats.replayed, pair.stats.unauthenticated) == (1, 0)


@pytest.mark.parametrize("suite", SUITES)
def test_a_packet_under_another_key_in_the_clear_or_cut_short_is_counted(suite: str) -> None:
    pair = Pair(suite)
    whole = pair.sender.rtp(rtp(1))
    strangers = SrtpOracle(suite, key(suite)).rtp(rtp(1))
    bent = whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]
    bad = [strangers, rtp(1), bent, b"", b"\x80", whole[:12], whole[:-1], bytes(2048)]
    assert [pair.srtp.unprotect(datagram) for datagram in bad] == [None] * len(bad)
    assert pair.stats.unauthenticated == len(bad)
    assert pair.srtp.unprotect(whole) == rtp(1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2048))
def test_nothing_that_comes_in_raises(datagram: bytes) -> None:
    pair = Pair()
    assert pair.srtp.unprotect(datagram) is None
    assert pair.srtp.unprotect_rtcp(datagram) is None
    assert pair.stats.unauthenticated == 2


def test_a_packet_too_long_to_encrypt_is_an_error() -> None:
    pair = Pair()
    with pytest.raises(ValueError):
        pair.srtp.protect(rtp(1, payload=bytes(2048)))
    with pytest.raises(ValueError):
        pair.srtp.protect_rtcp(b"")


def test_keys_that_stay_keep_their_count_over_a_renegotiation() -> None:
    pair = Pair()
    for sequence in (65535, 65536):
        pair.srtp.protect(rtp(sequence))
        pair.srtp.unprotect(pair.sender.rtp(rtp(sequence), roll_over=sequence >> 16))
    theirs = key()
    pair.srtp.rekey(Keys(suite=SUITE, send=pair.keys.send, receive=theirs))
    assert pair.srtp.protect(rtp(65537)) == pair.reader.rtp(rtp(65537), roll_over=1)
    assert pair.srtp.unprotect(SrtpOracle(SUITE, theirs).rtp(rtp(65537))) == rtp(65537)


def test_packets_under_way_are_opened_by_the_former_key_until_the_new_one_is_in_use() -> None:
    pair = Pair()
    pair.srtp.unprotect(pair.sender.rtp(rtp(1)))
    ours, theirs = key(), key()
    pair.srtp.rekey(Keys(suite=SUITE, send=ours, receive=theirs))
    assert pair.srtp.protect(rtp(2)) == SrtpOracle(SUITE, ours).rtp(rtp(2))
    assert pair.srtp.unprotect(pair.sender.rtp(rtp(2))) == rtp(2)
    assert pair.srtp.unprotect(pair.sender.rtp(rtp(2))) is None
    assert pair.srtp.unprotect(SrtpOracle(SUITE, theirs).rtp(rtp(3))) == rtp(3)
    assert pair.srtp.unprotect(pair.sender.rtp(rtp(4))) is None
    assert (pair.stats.replayed, pair.stats.unauthenticated) == (0, 2)


def test_a_header_of_any_length_stays_legible() -> None:
    pair = Pair()
    sources = struct.pack("!II", 5, 6)
    extension = struct.pack("!HHI", 0xBEDE, 1, 0x10FF0000)
    packet = bytes([0x92]) + rtp(7)[1:12] + sources + extension + b"speech"
    wire = pair.srtp.protect(packet)
    assert wire[:28] == packet[:28]
    assert wire[28:34] != b"speech"
    reader = Srtp(
        Keys(suite=SUITE, send=pair.keys.send, receive=pair.keys.send), stats=StreamStats()
    )
    assert reader.unprotect(wire) == packet


@pytest.mark.parametrize("first", [0x92, 0x8F, 0x90])
def test_a_header_longer_than_its_packet_is_counted(first: int) -> None:
    pair = Pair()
    wire = pair.sender.rtp(rtp(7, payload=b""))
    assert pair.srtp.unprotect(bytes([first]) + wire[1:]) is None
    assert pair.stats.unauthenticated == 1
    with pytest.raises(ValueError):
        pair.srtp.protect(bytes([first]) + rtp(7, payload=b"\0\0\xff\xff")[1:])


def test_a_number_is_never_used_twice_for_what_is_sent() -> None:
    pair = Pair("AEAD_AES_128_GCM")
    pair.srtp.protect(rtp(1))
    with pytest.raises(ValueError):
        pair.srtp.protect(rtp(1, payload=b"other words"))


def test_rtcp_that_comes_twice_late_or_in_the_clear_is_counted() -> None:
    pair = Pair()
    wire = [pair.sender.rtcp(rtcp(), index) for index in range(200)]
    assert [pair.srtp.unprotect_rtcp(wire[index]) is not None for index in (1, 0, 199, 72, 71)] == [
        True,
        True,
        True,
        True,
        False,
    ]
    assert pair.srtp.unprotect_rtcp(wire[199]) is None
    assert pair.stats.replayed == 2
    clear = rtcp() + bytes(4)
    assert pair.srtp.unprotect_rtcp(clear + pair.sender._tag(clear, 3, 10)) is None
    assert pair.stats.unauthenticated == 1


@pytest.mark.parametrize("start", [0, 40_000, 65_400])
def test_what_comes_in_any_order_is_judged_as_libsrtp_judges_it(start: int) -> None:
    """Jumps of up to a window and more, both ways and over the end of the numbers."""
    chance, suite = random.Random(start), "AES_CM_128_HMAC_SHA1_32"
    pair, theirs = Pair(suite), StreamStats()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(srtp, "_form", lambda: form("libsrtp"))
        other = Srtp(pair.keys, stats=theirs)
    at = start
    for _ in range(3000):
        at = max(start, at + chance.choice((1, 1, 1, 2, 63, 64, 65, 127, 128, 129, 300, -1, -70)))
        number = max(0, at - chance.choice((0, 0, 0, 1, 5, 63, 64, 127, 128, 129, 500)))
        wire = pair.sender.rtp(rtp(number, payload=b"."), roll_over=number >> 16)
        assert pair.srtp.unprotect(wire) == other.unprotect(wire), number
    assert pair.stats == theirs
    assert pair.stats.replayed > 100


def test_another_suite_may_follow() -> None:
    pair = Pair()
    suite = "AES_256_CM_HMAC_SHA1_32"
    keys = Keys(suite=suite, send=key(suite), receive=key(suite))
    pair.srtp.rekey(keys)
    assert pair.srtp.unprotect(SrtpOracle(suite, keys.receive).rtp(rtp(1))) == rtp(1)
    assert pair.srtp.protect(rtp(1)) == SrtpOracle(suite, keys.send).rtp(rtp(1))


def test_a_peer_of_many_sources_is_followed_to_each() -> None:
    pair = Pair()
    for ssrc in range(1, 100):
        assert pair.srtp.unprotect(pair.sender.rtp(rtp(1, ssrc))) == rtp(1, ssrc)
    # Of the first one nothing is remembered any more: there is room for a few.
    assert pair.srtp.unprotect(pair.sender.rtp(rtp(1, 1))) == rtp(1, 1)
    assert pair.srtp.unprotect(pair.sender.rtp(rtp(1, 99))) is None


@pytest.mark.parametrize(
    ("suite", "length"), [("NULL_HMAC_SHA1_80", 30), (SUITE, 29), (SUITE, 46), ("", 0)]
)
def test_keys_that_do_not_fit_are_an_error(suite: str, length: int) -> None:
    with pytest.raises(ValueError):
        Srtp(Keys(suite=suite, send=bytes(length), receive=bytes(length)), stats=StreamStats())


def test_keys_do_not_show() -> None:
    assert "secret" not in repr(Keys(suite=SUITE, send=b"secret", receive=b"secret"))
