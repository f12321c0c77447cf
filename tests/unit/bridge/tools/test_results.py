import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from bridge.tools import HangUp, NewStage, Reply
from bridge.tools.results import (
    MAX_TEXT,
    Kind,
    ToolResult,
    failure,
    raised,
    refusal,
    result_of,
    trace_of,
)
from bridge.tools.wire import client_tool_result


class Order(BaseModel):
    number: int
    due: dt.date


def of(value: Any) -> ToolResult:
    return result_of(value, name="lookup")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("", ""),
        (None, "ok"),
        (5, "5"),
        (True, "true"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (float("nan"), "null"),
        (Order(number=1, due=dt.date(2026, 1, 2)), '{"number":1,"due":"2026-01-02"}'),
        ("lone \ud800", "lone ?"),
    ],
)
def test_a_result_is_text_whatever_was_returned(value: Any, text: str) -> None:
    assert of(value) == ToolResult(text=text)


class Cycle(dict[str, Any]):
    def __init__(self) -> None:
        super().__init__()
        self["me"] = self


@pytest.mark.parametrize("value", [object(), Cycle(), {"a": object()}, b"\xff", lambda: 1])
def test_what_json_cannot_hold_is_an_error(value: Any) -> None:
    assert of(value).kind is Kind.ERROR
    assert "which JSON cannot hold" in (of(value).error or "")
    assert of(Reply(value)).kind is Kind.ERROR


def test_a_result_without_end_is_an_error() -> None:
    assert of("x" * (MAX_TEXT + 1)).kind is Kind.ERROR


def test_an_exception_is_told_by_type_and_place_and_nothing_that_it_says() -> None:
    def inner() -> None:
        raise KeyError("secret")

    try:
        inner()
    except KeyError as error:
        told, trace = raised("lookup", error).error or "", trace_of(error)
    assert told.startswith("lookup raised KeyError in inner, line ")
    assert "secret" not in told
    assert "test_results.py" in trace
    assert "    inner()" in trace
    assert "KeyError: 'secret'" not in trace


def wire(result: ToolResult, **more: Any) -> Mapping[str, Any]:
    message = client_tool_result("i-1", result, **more)
    assert message.invocation_id == "i-1"
    said = dataclasses.asdict(message)
    return {
        name: value for name, value in said.items() if name != "invocation_id" and value is not None
    }


def test_a_reply_carries_reaction_and_state() -> None:
    reply = Reply({"found": 1}, reaction="listens", state={"order": dt.date(2026, 1, 2)})
    assert wire(of(reply)) == {
        "result": '{"found":1}',
        "agent_reaction": "listens",
        "update_call_state": {"order": "2026-01-02"},
    }
    assert of(Reply(state={"a": object()})).kind is Kind.ERROR


def test_hanging_up_says_the_farewell_to_its_end() -> None:
    told = wire(of(HangUp("Bye.")))
    assert told["response_type"] == "hang-up"
    assert json.loads(told["result"]) == {"strict": True, "message": "Bye."}
    assert json.loads(wire(of(HangUp(strict=False)))["result"]) == {"strict": False}


def test_a_new_stage_holds_what_is_given_and_its_tools() -> None:
    stage = NewStage(system_prompt="Sell.", temperature=0.5, result="Begin.", tools=["hang_up"])
    result = of(stage)
    assert result.stage_tools == ("hang_up",)
    told = wire(result, tools=[{"temporaryTool": {}}])
    assert told["response_type"] == "new-stage"
    assert json.loads(told["result"]) == {
        "systemPrompt": "Sell.",
        "temperature": 0.5,
        "toolResultText": "Begin.",
        "selectedTools": [{"temporaryTool": {}}],
    }
    assert "selectedTools" not in json.loads(wire(of(NewStage(voice="Mark")))["result"])


def test_a_refusal_is_a_result_that_the_model_reads_and_an_error_is_not() -> None:
    assert wire(refusal("Give a number.")) == {"result": "Give a number."}
    assert wire(failure(Kind.TIMEOUT, "slow")) == {
        "error_type": "implementation-error",
        "error_message": "slow",
    }
    assert wire(failure(Kind.UNKNOWN, "none"))["error_type"] == "undefined"
