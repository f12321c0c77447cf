import pytest

from sip.uri import check_sendable, parse_name_addr, parse_uri, quote_display, quote_user


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:ann@example.net", "ann", "example.net", None),
        ("SIP:example.net:5080", "", "example.net", 5080),
        ("sips:ann@[2001:db8::1]:5061;transport=tls", "ann", "2001:db8::1", 5061),
        ("sip:+44%2020:secret@h", "+44 20", "h", None),
        ("sip:100;phone-context=x@h?Subject=y", "100", "h", None),
        ("sip:a@b@h", "a@b", "h", None),
        ("tel:+442012345;phone-context=x", "+442012345", "", None),
    ],
)
def test_an_address_is_read(text: str, user: str, host: str, port: int | None) -> None:
    uri = parse_uri(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)


def test_parameters_are_named_in_lower_case() -> None:
    assert parse_uri("sip:h;Transport=TCP;lr").params == {"transport": "TCP", "lr": ""}


@pytest.mark.parametrize("text", ["", "ann@example.net", "http://x", "sip:h:port", "sip:h:5060x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_uri(text)


@pytest.mark.parametrize(
    ("text", "display", "uri", "user"),
    [
        ('"Ann \\"A\\"" <sip:ann@h>;tag=1', 'Ann "A"', "sip:ann@h", "ann"),
        ("Ann Lee <sip:ann@h>", "Ann Lee", "sip:ann@h", "ann"),
        ("<tel:+4420>;tag=2", "", "tel:+4420", "+4420"),
        ("sip:ann@h;tag=3", "", "sip:ann@h", "ann"),
        ('"unfinished', "unfinished", '"unfinished', ""),
        ("", "", "", ""),
    ],
)
def test_a_name_and_address_is_read(text: str, display: str, uri: str, user: str) -> None:
    found = parse_name_addr(text)
    assert (found.display, found.uri, found.user) == (display, uri, user)


@pytest.mark.parametrize(
    "text",
    [
        "sip:ann@h>\r\nX-Foo: 1",
        "sip:ann@h\0",
        "sip:ann @h",
        "sip:änn@h",
        "<sip:ann@h>",
        'sip:"ann"@h',
        "sip:ann@h?Route=%3Csip:x%3E",
    ],
)
def test_an_address_that_would_not_stay_one_is_not_sent(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        check_sendable(text)


@pytest.mark.parametrize(
    "text", ["sip:ann@h;transport=tcp", "sips:%20x;y=1@[::1]:5061;lr", "sip:+44;phone-context=x@h"]
)
def test_every_other_address_is_sent_as_it_is(text: str) -> None:
    check_sendable(text)


def test_a_quoted_user_stays_one_user() -> None:
    quoted = quote_user("1 2@evil;x?y/#")
    assert quoted == "1%202%40evil%3Bx%3Fy%2F%23"
    assert parse_uri(f"sip:{quoted}@h").user == "1 2@evil;x?y/#"


def test_a_display_name_cannot_leave_its_quotes() -> None:
    assert quote_display('a"b\\c\r\nX: y') == '"a\\"b\\\\cX: y"'
    assert parse_name_addr(quote_display('a"b\\c') + " <sip:x@y>").display == 'a"b\\c'
