import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.crypto import SUITES, CryptoLine, agree, choose, hide_keys, print_line, usable

CM = "AES_CM_128_HMAC_SHA1_80"
WIDE = "AES_256_CM_HMAC_SHA1_80"
ONE = base64.b64encode(bytes(30)).decode()
OTHER = base64.b64encode(bytes(range(30))).decode()
LONG = base64.b64encode(bytes(range(46))).decode()


def tags(*values: str) -> list[int]:
    return [line.tag for line in usable(values)]


@pytest.mark.parametrize("suite", SUITES)
def test_a_line_of_each_suite_is_read_as_it_is_printed(suite: str) -> None:
    line = CryptoLine(tag=7, suite=suite, key=bytes(range(SUITES[suite])))
    assert usable([print_line(line).removeprefix("a=crypto:")]) == [line]


@pytest.mark.parametrize(
    "value",
    [
        f"1 {CM} inline:{ONE}",
        f"1  {CM.lower()}\tinline:{ONE} ",
        f"1 {CM} inline:{ONE}|2^20",
        f"1 {CM} inline:{ONE}|2^48",
        f"1 {CM} inline:{ONE}|1048576",
        f"1 {CM} inline:{ONE} WSH=128",
        f"1 {CM} inline:{ONE} -x=y",
    ],
)
def test_a_line_that_can_be_kept_to_is_taken(value: str) -> None:
    assert usable([value]) == [CryptoLine(tag=1, suite=CM, key=bytes(30))]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 {CM}",
        f"1 {CM} inline:",
        f"x {CM} inline:{ONE}",
        f"-1 {CM} inline:{ONE}",
        f"1 F8_128_HMAC_SHA1_80 inline:{ONE}",
        f"1 {CM} uri:{ONE}",
        f"1 {CM} inline:{ONE[:-1]}",
        f"1 {CM} inline:{ONE[:-4]}",
        f"1 {CM} inline:{ONE[:-4]}!!!!",
        f"1 {CM} inline:{LONG}",
        f"1 {WIDE} inline:{ONE}",
        f"1 {CM} inline:{ONE}|2^49",
        f"1 {CM} inline:{ONE}|2^0",
        f"1 {CM} inline:{ONE}|0",
        f"1 {CM} inline:{ONE}|2^2^2",
        f"1 {CM} inline:{ONE}|",
        f"1 {CM} inline:{ONE}|1:4",
        f"1 {CM} inline:{ONE}|2^20|1:4",
        f"1 {CM} inline:{ONE};inline:{OTHER}",
        f"1 {CM} inline:{ONE} UNENCRYPTED_SRTP",
        f"1 {CM} inline:{ONE} KDR=4",
    ],
)
def test_a_line_that_cannot_be_kept_to_is_passed_over(value: str) -> None:
    assert tags(value, f"2 {CM} inline:{OTHER}") == [2]


def test_a_tag_given_twice_is_the_first_line_and_lines_are_not_read_without_end() -> None:
    assert usable([f"1 {CM} inline:{ONE}", f"1 {CM} inline:{OTHER}"])[0].key == bytes(30)
    assert len(tags(*(f"{tag} {CM} inline:{ONE}" for tag in range(1000)))) == 16


def test_the_first_line_that_can_be_kept_to_is_answered_with_a_key_of_our_own() -> None:
    offered = [f"1 {CM} inline:{ONE}|1:4", f"3 {WIDE} inline:{LONG}", f"4 {CM} inline:{ONE}"]
    first, second = choose(offered), choose(offered)
    assert first is not None
    assert second is not None
    assert (first.tag, first.suite, len(first.key)) == (3, WIDE, 46)
    assert len({first.key, second.key, bytes(range(46))}) == 3
    assert choose([f"1 {CM} inline:{ONE}|1:4"]) is None


def test_an_answer_settles_the_line_of_its_tag() -> None:
    offer = [f"1 {WIDE} inline:{LONG}", f"2 {CM} inline:{ONE}", f"3 {CM} inline:{OTHER}"]
    answer = [f"2 {CM} inline:{OTHER}"]
    crypto = agree(offer, answer)
    assert crypto is not None
    assert (crypto.suite, crypto.send, crypto.receive) == (CM, bytes(30), bytes(range(30)))
    crypto = agree(answer, offer)
    assert crypto is not None
    assert (crypto.send, crypto.receive) == (bytes(range(30)), bytes(30))


def test_a_suite_is_enough_where_no_tag_fits() -> None:
    crypto = agree([f"1 {CM} inline:{ONE}"], [f"1 {WIDE} inline:{LONG}", f"2 {CM} inline:{OTHER}"])
    assert crypto is not None
    assert crypto.receive == bytes(range(30))


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [f"1 {WIDE} inline:{LONG}"],
        [f"1 {CM} inline:{OTHER}|1:4"],
        [f"1 {CM} inline:{OTHER}", f"2 {CM} inline:{OTHER}"],
    ],
)
def test_an_answer_that_fits_nothing_settles_nothing(answer: list[str]) -> None:
    assert agree([f"1 {CM} inline:{ONE}", f"2 {CM} inline:{ONE}"], answer) is None


@given(st.lists(st.text(), max_size=4))
def test_any_text_is_read_without_an_error(values: list[str]) -> None:
    assert len(usable(values)) <= len(values)


def test_keys_show_neither_in_values_nor_in_what_the_log_shows_of_messages() -> None:
    (line,) = usable([f"1 {CM} inline:{ONE}|2^20"])
    assert "key" not in repr(line)
    crypto = agree([f"1 {CM} inline:{ONE}"], [f"1 {CM} inline:{OTHER}"])
    assert repr(crypto) == f"Crypto(suite='{CM}')"
    hidden = hide_keys(f"a=crypto:1 {CM} inline:{ONE}|2^20\r\na=crypto:2 {CM} INLINE:{OTHER}\r\n")
    assert hidden == f"a=crypto:1 {CM} inline:…|2^20\r\na=crypto:2 {CM} INLINE:…\r\n"
