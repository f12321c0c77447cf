import json

from bridge import tools
from bridge.ultravox.messages import ClientToolInvocation


def invocation(name: str, **parameters: object) -> ClientToolInvocation:
    return ClientToolInvocation(tool_name=name, invocation_id="i-1", parameters=parameters)


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
    result = tools.answer(invocation("hang_up", farewell="Goodbye!"))
    assert result.response_type == "hang-up"
    assert json.loads(result.result or "") == {"strict": True, "message": "Goodbye!"}


def test_hanging_up_needs_no_farewell() -> None:
    assert json.loads(tools.answer(invocation("hang_up")).result or "") == {"strict": True}


def test_an_unknown_tool_gets_the_documented_error() -> None:
    result = tools.answer(invocation("launch_rocket"))
    assert (result.error_type, result.result) == ("undefined", None)
    assert "launch_rocket" in (result.error_message or "")
