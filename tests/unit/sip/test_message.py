import pytest

from sip.message import Headers, parse_message

INVITE = (
    "INVITE sip:1000@bridge SIP/2.0\r\n"
    "v: SIP/2.0/UDP 192.0.2.1;branch=z9\r\n"
    "Subject: one\r\n"
    "  and two\r\n"
    "X-Foo: a\r\n"
    "x-foo: b\r\n"
    "CSeq: 1 INVITE\r\n"
    "c: application/sdp\r\n"
    "\r\n"
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
)


def test_a_request_is_read() -> None:
    message = parse_message(INVITE)
    assert (message.method, message.request_uri, message.code) == ("INVITE", "sip:1000@bridge", 0)
    assert message.sdp == "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"


def test_headers_are_found_in_any_case_and_compact_form() -> None:
    headers = parse_message(INVITE).headers
    assert headers["X-FOO"] == ("a", "b")
    assert headers.first("Via") == "SIP/2.0/UDP 192.0.2.1;branch=z9"
    assert headers.first("Content-Type") == "application/sdp"
    assert "content-type" in headers
    assert "X-Bar" not in headers
    assert headers.first("X-Bar", "none") == "none"
    with pytest.raises(KeyError):
        headers["X-Bar"]


def test_header_names_are_given_as_received() -> None:
    headers = parse_message(INVITE).headers
    assert list(headers) == ["v", "Subject", "X-Foo", "CSeq", "c"]
    assert len(headers) == 5
    assert repr(headers) == "Headers(v, Subject, X-Foo, CSeq, c)"


def test_a_folded_header_is_one_line() -> None:
    assert parse_message(INVITE).headers.first("Subject") == "one and two"


def test_a_response_is_read() -> None:
    message = parse_message(
        "SIP/2.0 486 Busy Here\r\nCSeq: 7 INVITE\r\nRetry-After: 18 (lunch)\r\n\r\n"
    )
    assert (message.code, message.reason, message.method) == (486, "Busy Here", "INVITE")
    assert message.request_uri == ""
    assert message.sdp == ""
    assert message.retry_after_s == 18


@pytest.mark.parametrize("value", ["", "soon", "-5"])
def test_a_retry_after_without_a_number_is_none(value: str) -> None:
    message = parse_message(f"SIP/2.0 503 Full\r\nRetry-After: {value}\r\n\r\n")
    assert message.retry_after_s is None


def test_sdp_is_found_in_a_multipart_body() -> None:
    text = (
        "INVITE sip:1@b SIP/2.0\r\n"
        'Content-Type: multipart/mixed;boundary="xx"\r\n\r\n'
        "--xx\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        "--xx\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n"
        "--xx--\r\n"
    )
    assert parse_message(text).sdp == "v=0\r\ns=-\r\n"


@pytest.mark.parametrize("kind", ["multipart/mixed", 'multipart/mixed;boundary="no"', "text/plain"])
def test_a_body_without_sdp_has_none(kind: str) -> None:
    text = f"INVITE sip:1@b SIP/2.0\r\nContent-Type: {kind}\r\n\r\n--xx\r\n\r\nv=0\r\n--xx--"
    assert parse_message(text).sdp == ""


@pytest.mark.parametrize("text", ["", "hello", "SIP/2.0 abc OK"])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_message(text)


def test_line_ends_may_be_bare() -> None:
    message = parse_message("\nBYE sip:a SIP/2.0\nReason: x\nno colon\n more\n\nbody")
    assert message.headers == Headers([("Reason", "x")])
    assert message.body == "body"
