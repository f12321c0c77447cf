import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from bridge.tools import ToolContext
from bridge.tools.signature import BadArguments, Signature, Unsupported


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Address(BaseModel):
    street: str
    number: int = 1


class Opaque:
    pass


@dataclass
class Tree:
    children: list["Tree"]


def signature(function: Any, **descriptions: str) -> Signature:
    return Signature(function, ours=ToolContext, descriptions=descriptions)


def schemas(function: Any, **descriptions: str) -> dict[str, Any]:
    return {each.name: each.schema for each in signature(function, **descriptions).parameters}


def test_annotations_become_plain_schemas() -> None:
    def f(
        number: int,
        name: str | None = None,
        kind: Literal["a", "b"] = "a",
        size: Size = Size.SMALL,
        copy: tuple[str, ...] = (),
    ) -> None: ...

    assert schemas(f) == {
        "number": {"type": "integer"},
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "size": {"type": "string", "enum": ["small", "large"]},
        "copy": {"type": "array", "items": {"type": "string"}},
    }
    assert [each.required for each in signature(f).parameters] == [True] + 4 * [False]


def test_a_model_is_written_out_where_it_stands() -> None:
    def f(to: Address, others: list[Address]) -> None: ...

    street = {"type": "string"}
    number = {"type": "integer", "default": 1}
    address = {
        "type": "object",
        "properties": {"street": street, "number": number},
        "required": ["street"],
    }
    assert schemas(f) == {"to": address, "others": {"type": "array", "items": address}}
    bound = signature(f).bind({"to": {"street": "High"}, "others": []})
    assert bound == {"to": Address(street="High"), "others": []}


def test_what_an_annotation_says_goes_before_the_docstring() -> None:
    def f(a: Annotated[int, Field(description="mine", ge=1)], b: int) -> None: ...

    assert schemas(f, a="not this", b="that one") == {
        "a": {"type": "integer", "minimum": 1, "description": "mine"},
        "b": {"type": "integer", "description": "that one"},
    }


def test_the_call_is_given_by_us_and_not_offered() -> None:
    def f(call: ToolContext, number: int) -> None: ...

    ours = signature(f)
    assert ours.context == "call"
    assert [each.name for each in ours.parameters] == ["number"]
    with pytest.raises(BadArguments, match="call: is no parameter of this tool"):
        ours.bind({"call": {}, "number": 1})


def test_arguments_are_checked_and_made_what_the_function_takes() -> None:
    def f(number: int, size: Size = Size.SMALL) -> None: ...

    assert signature(f).bind({"number": "7", "size": "large"}) == {"number": 7, "size": Size.LARGE}
    assert signature(f).bind({"number": 7}) == {"number": 7}


def test_wrong_arguments_are_all_told_and_their_values_are_not() -> None:
    def f(number: int, size: Size, to: Address) -> None: ...

    with pytest.raises(BadArguments) as caught:
        signature(f).bind({"number": "secret", "to": {"street": 5}, "more": "secret"})
    told = str(caught.value)
    assert "number: Input should be a valid integer" in told
    assert "size: Field required" in told
    assert "to.street: Input should be a valid string" in told
    assert "more: is no parameter of this tool" in told
    assert "secret" not in told


def positional(a: int, /) -> None: ...
def several(*a: int) -> None: ...
def anything(**a: int) -> None: ...
def untyped(a) -> None: ...  # type: ignore[no-untyped-def]
def unknown(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def foreign(a: Opaque) -> None: ...
def endless(a: Tree) -> None: ...


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (positional, "a is positional-only"),
        (several, "a takes any number of values"),
        (anything, "a takes any name"),
        (untyped, "a has no type; annotate it"),
        (unknown, "'Nowhere' is not defined"),
        (lambda call: None, "call has no type"),
        (foreign, "cannot be told to an agent"),
        (endless, "hold Tree within Tree, without end"),
    ],
)
def test_a_function_that_cannot_be_a_tool_says_why(function: Any, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        signature(function)
