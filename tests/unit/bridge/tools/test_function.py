import functools
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.tools import ToolContext, tool
from bridge.tools.definition import offer
from bridge.tools.function import FunctionTool
from bridge.tools.options import Options, options_of
from bridge.tools.signature import Unsupported
from bridge.ultravox.standin.bodies import check_agent_call, check_call


@tool(timeout_s=10, reaction="speaks-once", precomputable=True, name="order-lookup")
async def lookup(call: ToolContext, number: int, year: int = 2026) -> str:
    """Look up an order.

    Args:
        number: As printed.

    """
    return f"{call.id} {number} {year}"


def made(function: Any) -> FunctionTool:
    return FunctionTool(function, ours=ToolContext)


def test_a_function_is_defined_as_ultravox_wants_it() -> None:
    definition = made(lookup).definition
    assert definition == {
        "temporaryTool": {
            "modelToolName": "order-lookup",
            "description": "Look up an order.",
            "dynamicParameters": [
                {
                    "name": "number",
                    "location": "PARAMETER_LOCATION_BODY",
                    "schema": {"type": "integer", "description": "As printed."},
                    "required": True,
                },
                {
                    "name": "year",
                    "location": "PARAMETER_LOCATION_BODY",
                    "schema": {"type": "integer"},
                    "required": False,
                },
            ],
            "client": {},
            "timeout": "10s",
            "precomputable": True,
            "defaultReaction": "AGENT_REACTION_SPEAKS_ONCE",
        }
    }
    check_call({"selectedTools": [definition]})
    check_agent_call({"toolOverrides": {"add": [definition]}})


def test_the_defaults_are_ultravoxs_own() -> None:
    @tool
    def plain() -> None: ...

    told = made(plain).definition["temporaryTool"]
    assert told["timeout"] == "2.5s"
    assert told["dynamicParameters"] == []
    assert not {"precomputable", "defaultReaction"} & set(told)


def test_a_tool_that_answers_late_is_not_waited_for() -> None:
    @tool(late="I am looking.", timeout_s=300)
    def slow() -> None: ...

    assert "timeout" not in made(slow).definition["temporaryTool"]


def test_a_decorated_function_stays_the_function() -> None:
    def f() -> int:
        return 5

    assert tool(f) is f
    assert tool(timeout_s=1)(f)() == 5
    assert options_of(f).timeout_s == 1
    assert options_of(len) == Options()


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


@tool(process=True)
async def async_process() -> None: ...


@tool(process=True)
def asking_process(call: ToolContext) -> None: ...


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (5, "is no function"),
        (dict, "is no function"),
        (lambda: 1, "<lambda> is no name for a tool"),
        (functools.partial(len, ()), "it is no name for a tool"),
        (generator, "is a generator"),
        (async_generator, "is a generator"),
        (async_process, "process=True is for plain functions"),
        (asking_process, "process=True is for plain functions"),
    ],
)
def test_what_cannot_be_a_tool_says_why(thing: Any, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        made(thing)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_s": 0},
        {"timeout_s": -1},
        {"timeout_s": 41},
        {"timeout_s": "5"},
        {"timeout_s": float("nan")},
        {"timeout_s": 3601, "late": "wait"},
        {"reaction": "sings"},
        {"name": "no spaces"},
    ],
)
def test_options_that_cannot_be_are_told_where_they_are_given(options: Any) -> None:
    with pytest.raises(ValueError, match="should be"):
        tool(**options)


def test_a_plain_call_is_offered_tools_beside_its_own() -> None:
    body = offer({"selectedTools": [{"toolName": "mine"}]}, [{"a": 1}], agent_call=False)
    assert body == {"selectedTools": [{"toolName": "mine"}, {"a": 1}]}


def test_an_agent_call_is_offered_tools_as_overrides() -> None:
    body = offer({"toolOverrides": {"remove": ["x"]}}, [{"a": 1}], agent_call=True)
    assert body == {"toolOverrides": {"remove": ["x"], "add": [{"a": 1}]}}


def test_offering_nothing_leaves_the_body_as_it_was() -> None:
    assert offer({"model": "m"}, [], agent_call=False) == {"model": "m"}


def test_the_example_of_the_manual_is_a_tool() -> None:
    text = (Path(__file__).parents[4] / "docs" / "tools.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    module: dict[str, Any] = {}
    exec(code, module)
    told = made(module["lookup_order"]).definition["temporaryTool"]
    assert told["description"] == "Tell how far an order has got."
    assert told["dynamicParameters"][0]["schema"]["description"].startswith("The order's number")
