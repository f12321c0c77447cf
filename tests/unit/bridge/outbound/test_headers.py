import pytest

from bridge.outbound.headers import check_headers


def test_headers_of_ones_own_and_of_the_callers_identity_may_be_given() -> None:
    headers = {
        "X-Customer": "42",
        "User-to-User": "56a390f3d2b7310023a2;encoding=hex",
        "P-Asserted-Identity": "<sip:+442071838750@example.net>",
        "Diversion": "<sip:100@example.net>;reason=unconditional",
        "Privacy": "id",
    }
    assert check_headers(headers) == headers


@pytest.mark.parametrize(
    "name", ["Via", "CONTACT", "route", "Record-Route", "From", "Call-ID", "Authorization"]
)
def test_what_the_bridge_writes_itself_may_not_be_given(name: str) -> None:
    with pytest.raises(ValueError, match="written by the bridge"):
        check_headers({name: "x"})


@pytest.mark.parametrize("name", ["v", "m", "", "X Foo", "X-Foo:", "X-Foo\r\nVia", "X-Ω", "X" * 65])
def test_what_is_no_name_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        check_headers({name: "x"})


@pytest.mark.parametrize("value", ["a\r\nVia: b", "a\nb", "a\0", "a" * 1001])
def test_a_value_cannot_bring_lines_of_its_own(value: str) -> None:
    with pytest.raises(ValueError):
        check_headers({"X-Foo": value})


def test_all_together_fit_a_message() -> None:
    check_headers({f"X-{number}": "a" * 1000 for number in range(10)})
    for value in ("a" * 1000, "é" * 500):
        with pytest.raises(ValueError, match="12000 bytes"):
            check_headers({f"X-{number}": value for number in range(12)})


def test_there_is_an_end_to_them() -> None:
    with pytest.raises(ValueError, match="too many"):
        check_headers({f"X-{number}": "" for number in range(21)})
