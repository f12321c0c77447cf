import json

import pytest

from bridge import tools
from bridge.errors import NotNow
from bridge.ultravox.messages import ClientToolInvocation, ClientToolResult


def invocation(name: str, **parameters: object) -> ClientToolInvocation:
    return ClientToolInvocation(tool_name=name, invocation_id="i-1", parameters=parameters)


def answer(invocation: ClientToolInvocation) -> ClientToolResult:
    return tools.answer(invocation, send_digits=lambda _: None)


def test_a_plain_call_is_offered_tools_beside_its_own() -> None:
    body = tools.offer({"selectedTools": [{"toolName": "mine"}]}, ["hang_up"], agent_call=False)
    names = [tool.get("toolName") for tool in body["selectedTools"]]
    assert names == ["mine", None]
    assert body["selectedTools"][1]["temporaryTool"]["modelToolName"] == "hang_up"


def test_an_agent_call_is_offered_tools_as_overrides() -> None:
    body = tools.offer({"toolOverrides": {"remove": ["x"]}}, ["hang_up"], agent_call=True)
    assert body["toolOverrides"]["remove"] == ["x"]
    assert len(body["toolOverrides"]["add"]) == 1


def test_offering_nothing_leaves_the_body_as_it_was() -> None:
    assert tools.offer({"model": "m"}, [], agent_call=False) == {"model": "m"}


def test_hanging_up_lets_ultravox_say_the_farewell() -> None:
    result = answer(invocation("hang_up", farewell="Goodbye!"))
    assert result.response_type == "hang-up"
    assert json.loads(result.result or "") == {"strict": True, "message": "Goodbye!"}


def test_hanging_up_needs_no_farewell() -> None:
    assert json.loads(answer(invocation("hang_up")).result or "") == {"strict": True}


def test_an_unknown_tool_gets_the_documented_error() -> None:
    result = answer(invocation("launch_rocket"))
    assert (result.error_type, result.result) == ("undefined", None)
    assert "launch_rocket" in (result.error_message or "")


def test_keys_are_pressed_as_asked_and_the_agent_listens_then() -> None:
    pressed: list[str] = []
    result = tools.answer(invocation("send_dtmf", digits="12w#"), send_digits=pressed.append)
    assert pressed == ["12w#"]
    assert result.agent_reaction == "listens"
    assert "12" not in (result.result or "")


@pytest.mark.parametrize("error", [ValueError("digits are 0-9"), NotNow("the call is ringing")])
def test_keys_that_cannot_be_pressed_are_an_error_of_the_tool(error: Exception) -> None:
    def refuse(_: str) -> None:
        raise error

    result = tools.answer(invocation("send_dtmf", digits="x"), send_digits=refuse)
    assert (result.error_type, result.result) == ("implementation-error", None)
    assert str(error) in (result.error_message or "")
