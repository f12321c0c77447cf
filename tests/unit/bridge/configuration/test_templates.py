import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.configuration.templates import PLACEHOLDERS, doubtful, fill
from bridge.facts import Direction, Facts

FACTS = Facts(
    direction=Direction.INBOUND,
    trunk="carrier",
    caller="+447911123456",
    caller_name="Ann {callee}",
    callee="1000",
    agent="echo",
    id="c-1",
    sip_call_id="abc@pbx",
    headers={"X-Foo": ("one", "two"), "x-foo": ("three",), "X-Empty": ()},
    variables={"name": "Bob"},
)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{caller} calls {callee}", "+447911123456 calls 1000"),
        ("{trunk}/{sip_call_id}/{call_id}", "carrier/abc@pbx/c-1"),
        ("<{header:x-FOO}>", "<one, two, three>"),
        ("<{header:X-Empty}{header:X-Bar}{var:none}>", "<>"),
        ("Hello {var:name}!", "Hello Bob!"),
        ("{{caller}} {{ caller }}", "{{caller}} {{ caller }}"),
        ('{"caller": 1} {} {unknown} {Caller}', '{"caller": 1} {} {unknown} {Caller}'),
        ("{caller:x} {header} {var}", "{caller:x} {header} {var}"),
        ("{caller", "{caller"),
    ],
)
def test_placeholders_and_nothing_else_are_filled(text: str, filled: str) -> None:
    assert fill(text, FACTS) == filled


def test_what_a_caller_sends_is_not_filled_a_second_time() -> None:
    assert fill("{caller_name}", FACTS) == "Ann {callee}"


def test_texts_are_filled_however_deep_and_other_values_kept() -> None:
    body = {"a": [{"b": "{callee}"}, 1, None, True], "c": 0.5, "{caller}": "x"}
    assert fill(body, FACTS) == {"a": [{"b": "1000"}, 1, None, True], "c": 0.5, "{caller}": "x"}


def test_the_configured_body_is_left_as_it_was() -> None:
    body = {"a": ["{callee}"]}
    fill(body, FACTS)
    assert body == {"a": ["{callee}"]}


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_every_placeholder_is_filled(name: str) -> None:
    assert fill(f"{{{name}}}", FACTS) not in ("", f"{{{name}}}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{caler}", [("{caler}", "{caller}")]),
        ("{heder:X-Foo}", [("{heder:X-Foo}", "{header:X-Foo}")]),
        ("{vars:name} {name}", [("{vars:name}", "{var:name}")]),
        ("{caller} {{caler}} {something_else} {header:X} {}", []),
    ],
)
def test_a_misspelt_placeholder_is_doubtful(text: str, found: list[tuple[str, str]]) -> None:
    assert doubtful(text) == found


@given(st.text(alphabet="{}:caller header"))
def test_any_text_can_be_filled(text: str) -> None:
    fill(text, FACTS)
    doubtful(text)
