import pytest

from bridge.commands import pairs


def test_a_variables_value_may_hold_an_equals_sign() -> None:
    assert pairs.variables(["a=b=c", "d="]) == {"a": "b=c", "d": ""}


def test_a_header_is_written_as_in_sip() -> None:
    assert pairs.headers(["X-Way: a:b", "X-No:"]) == {"X-Way": "a:b", "X-No": ""}


@pytest.mark.parametrize("word", ["name", ": value", " : value", ""])
def test_a_header_without_a_name_or_a_value_is_told(word: str) -> None:
    with pytest.raises(pairs.BadPair, match="should be name:value"):
        pairs.headers([word])
