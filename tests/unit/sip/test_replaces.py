import pytest

from sip.message import Headers
from sip.replaces import DialogId, Replaces, parse_refer_to, parse_replaces, refer_to

OURS = DialogId(call_id="a7@192.0.2.1", local_tag="us", remote_tag="them")


@pytest.mark.parametrize(
    ("value", "early_only"),
    [
        ("a7@192.0.2.1;to-tag=us;from-tag=them", False),
        ("a7@192.0.2.1 ; FROM-TAG=them ; to-tag = us ;early-only", True),
    ],
)
def test_a_replaces_header_names_a_dialog_of_ours(value: str, early_only: bool) -> None:
    replaces = parse_replaces(value)
    assert replaces.names(OURS)
    assert replaces.early_only is early_only


@pytest.mark.parametrize(
    "value",
    ["a7@192.0.2.1;to-tag=them;from-tag=us", "a8@192.0.2.1;to-tag=us;from-tag=them"],
)
def test_another_dialog_is_not_ours(value: str) -> None:
    assert not parse_replaces(value).names(OURS)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a7",
        "a7;to-tag=us",
        "a7;to-tag=;from-tag=them",
        ";to-tag=us;from-tag=them",
        "a 7;to-tag=us;from-tag=them",
        "a;to-tag=1;from-tag=2, b;to-tag=3;from-tag=4",
    ],
)
def test_a_replaces_header_that_names_no_dialog_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="Replaces names"):
        parse_replaces(value)


def test_what_we_refer_to_is_read_back_as_the_other_side_sees_it() -> None:
    address = refer_to("sip:bob@192.0.2.9;transport=tcp?X-A=1", OURS)
    assert address == (
        "sip:bob@192.0.2.9;transport=tcp?Replaces=a7%40192.0.2.1%3Bto-tag%3Dthem%3Bfrom-tag%3Dus"
    )
    read = parse_refer_to(Headers([("Refer-To", f"<{address}>")]))
    assert read.target == "sip:bob@192.0.2.9;transport=tcp"
    assert read.replaces == Replaces(call_id="a7@192.0.2.1", to_tag="them", from_tag="us")
    assert read.headers == {"Replaces": "a7@192.0.2.1;to-tag=them;from-tag=us"}


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("<sip:bob@192.0.2.9>", "sip:bob@192.0.2.9"),
        (
            '"Bob" <sips:bob@example.net:5061;transport=tls?Subject=hi>;method=INVITE',
            "sips:bob@example.net:5061;transport=tls",
        ),
        ("sip:bob@192.0.2.9", "sip:bob@192.0.2.9"),
        ("<tel:+442012345>", "tel:+442012345"),
    ],
)
def test_a_refer_to_names_whom_to_call(value: str, target: str) -> None:
    read = parse_refer_to(Headers([("r", value)]))
    assert (read.target, read.replaces) == (target, None)


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("<sip:a@b>", "<sip:c@d>"),
        ("",),
        ("<>",),
        ("<http://example.net>",),
        ("<sip:>",),
        ("<tel:>",),
        ("<sip:a@b:port>",),
        ("<sip:a@b?Replaces=nothing>",),
    ],
)
def test_a_refer_to_that_names_nobody_is_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_refer_to(Headers([("Refer-To", value) for value in values]))
