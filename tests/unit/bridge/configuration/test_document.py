import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.configuration import document
from bridge.configuration.document import Document


def read(text: str, **env: str) -> object:
    document = Document.parse(text, env)
    assert document.mistakes == []
    return document.data


def faults(text: str, **env: str) -> list[str]:
    return [f"{m.line}: {m}" for m in Document.parse(text, env).mistakes]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("1000", 1000),
        ("-7", -7),
        ("0", 0),
        ("0.25", 0.25),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("!!str 12", "12"),
        ("+442071838750", "+442071838750"),
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("1e5", "1e5"),
        ("20:30", "20:30"),
        ("2026-01-31", "2026-01-31"),
        ("yes", "yes"),
        ("off", "off"),
        ('"1000"', "1000"),
    ],
)
def test_a_scalar_is_a_number_only_when_it_is_written_back_just_so(
    scalar: str, value: object
) -> None:
    assert read(f"a: {scalar}") == {"a": value}


def test_keys_are_always_text() -> None:
    assert read("{1: a, true: b, null: c}") == {"1": "a", "true": "b", "null": "c"}


def test_a_variable_is_filled_in_anywhere_in_a_text() -> None:
    assert read("a: sip:${HOST}:${PORT}", HOST="h", PORT="5060") == {"a": "sip:h:5060"}


def test_a_variable_needs_no_quotes_inside_braces_and_brackets() -> None:
    assert read("{a: ${A}, b: [${B}, x]}", A="1", B="2") == {"a": "1", "b": ["2", "x"]}


def test_what_a_variable_holds_is_never_read_as_yaml() -> None:
    hostile = "p: {#[*&!|>'\"%@` \n- x"
    assert read("{a: ${A}, b: '${A}', c: \"${A}\"}", A=hostile) == dict.fromkeys("abc", hostile)


@given(st.text())
def test_any_value_of_a_variable_arrives_unchanged(value: str) -> None:
    assert read("{a: ${A}}", A=value) == {"a": value}


def test_a_default_stands_in_for_an_unset_or_empty_variable() -> None:
    assert read("[${A:-x y}, ${B:-x}, ${C:-x}, ${A:-}]", B="", C="c") == ["x y", "x", "c", ""]


def test_a_doubled_dollar_sign_leaves_the_reference_as_it_is() -> None:
    assert read("a: $${A}") == {"a": "${A}"}


def test_a_lone_dollar_sign_is_just_that() -> None:
    assert read("a: pa$$word $A ${}") == {"a": "pa$$word $A ${}"}


def test_a_variable_in_a_comment_need_not_be_set() -> None:
    assert read("a: b  # ${A}\n# ${B}") == {"a": "b"}


def test_a_variable_that_is_not_set_is_a_mistake_at_its_place() -> None:
    assert faults("a:\n  b: [x, ${A}]") == ["2: a.b.2: the environment variable A is not set"]


@pytest.mark.parametrize("text", ["${A", "x${A y", "${A-b}", "${A.b}", "${A:b}", "${A:-b"])
def test_a_reference_that_is_not_closed_is_a_mistake_at_its_place(text: str) -> None:
    assert faults(f"a:\n  b: '{text}'") == [
        "2: a.b: ${A is not closed; $${ stands for the characters"
    ]


def test_a_doubled_dollar_sign_leaves_an_open_reference_as_it_is() -> None:
    assert read("a: $${A") == {"a": "${A"}


def test_anchors_and_merged_keys_work() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a"
    assert read(text) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}


def test_a_key_given_twice_is_a_mistake_that_names_both_lines() -> None:
    assert faults("a:\n  b: 1\n  c: 2\n  b: 3") == ["4: a.b: is here twice, first on line 2"]


def test_a_key_given_twice_under_an_alias_is_told_once() -> None:
    assert len(faults("a: &a {x: 1, x: 2}\nb: *a\nc: {<<: *a}")) == 1


def test_a_document_that_holds_itself_is_a_mistake() -> None:
    assert faults("a: &a {b: [*a]}") == ["1: a.b.1: refers to itself"]


def test_a_foreign_tag_is_a_mistake() -> None:
    assert faults("a: !!python/name:os.system ''") == [
        "1: a: cannot be read as the YAML tag tag:yaml.org,2002:python/name:os.system"
    ]


def test_a_tag_that_does_not_fit_its_value_is_a_mistake() -> None:
    assert faults("a: !!int twelve") == [
        "1: a: cannot be read as the YAML tag tag:yaml.org,2002:int"
    ]


def test_a_key_that_is_no_text_is_a_mistake() -> None:
    assert faults("a: {[b]: c}") == ["1: a: has a key that is not text"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "at column"),
        ("a:\n\tb: 1", "2: not valid YAML at column 1: found character '\\t'"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: *nowhere", "found undefined alias 'nowhere'"),
        ("a: \x00", "not valid YAML: special characters are not allowed"),
        ("{a: ${LONG_NAME}, b: [}", "1: not valid YAML at column 23"),
    ],
)
def test_broken_yaml_is_one_mistake_with_line_and_column(text: str, says: str) -> None:
    (fault,) = faults(text)
    assert says in fault


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert read("") == {}
    assert read("# nothing") == {}


@given(st.text())
def test_no_text_at_all_makes_it_raise(text: str) -> None:
    Document.parse(text, {})


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: " + "[" * 1000, "nested too deeply"),
        ("a: " + "9" * 5000, "cannot be read as the YAML tag"),
        (LAUGHS, "holds more than 50 values"),
    ],
)
def test_what_nobody_writes_is_a_mistake_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setattr(document, "MOST_VALUES", 50)
    read = Document.parse(text, {})
    assert told in read.mistakes[0].message
