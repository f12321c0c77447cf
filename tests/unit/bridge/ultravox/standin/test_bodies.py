from typing import Any

import pytest

from bridge.ultravox.api import with_medium
from bridge.ultravox.standin.bodies import BadBody, check_agent_call, check_call

MEDIUM = {"serverWebSocket": {"inputSampleRate": 8000}}


def errors(raw: object) -> dict[str, Any]:
    with pytest.raises(BadBody) as caught:
        check_call(raw)
    return caught.value.errors


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"medium": MEDIUM, "temperature": 0, "maxDuration": "3600.000000s"},
        {"systemPrompt": None, "voice": None, "model": None, "medium": MEDIUM},
        {"vadSettings": {"turnEndpointDelay": "0.384s", "frameActivationThreshold": 1}},
        {"selectedTools": [{"toolName": "hangUp", "nameOverride": "bye"}]},
        with_medium({"systemPrompt": "x"}, sample_rate=48000),
    ],
)
def test_a_documented_body_passes(raw: dict[str, Any]) -> None:
    check_call(raw)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"prompt": "x"}, "prompt"),
        ({"templateContext": {}}, "templateContext"),
        ({"maxDuration": "30m"}, "maxDuration"),
        ({"joinTimeout": 30}, "joinTimeout"),
        ({"temperature": 2}, "temperature"),
        ({"systemPrompt": 5}, "systemPrompt"),
        ({"metadata": {"a": 5}}, "metadata"),
        ({"metadata": {"ultravox.a": "x"}}, "metadata"),
        ({"initialOutputMedium": "voice"}, "initialOutputMedium"),
        ({"medium": {"serverWebSocket": {}}}, "medium"),
        ({"medium": {"serverWebSocket": {"inputSampleRate": "8000"}}}, "medium"),
        ({"medium": {"sip": {}, "webRtc": {}}}, "medium"),
        ({"medium": {"carrierPigeon": {}}}, "medium"),
        ({"firstSpeakerSettings": {"agent": {}, "user": {}}}, "firstSpeakerSettings"),
        ({"selectedTools": [{"temporaryTool": {"modelToolName": "no spaces"}}]}, "selectedTools"),
        ({"selectedTools": [{"toolName": "a", "toolId": "b"}]}, "selectedTools"),
        ({"languageHint": "a" * 17}, "languageHint"),
        ({"sharedSecrets": ["short"]}, "sharedSecrets"),
    ],
)
def test_a_wrong_field_is_named(raw: dict[str, Any], field: str) -> None:
    assert list(errors(raw)) == [field]


def test_every_mistake_is_told_at_once() -> None:
    assert set(errors({"prompt": "x", "maxDuration": "1h"})) == {"prompt", "maxDuration"}


def test_errors_are_nested_as_the_body_is() -> None:
    found = errors({"medium": {"serverWebSocket": {"inputSampleRate": 8000, "rate": 1}}})
    assert list(found["medium"]["serverWebSocket"]) == ["rate"]


@pytest.mark.parametrize("raw", [[], "x", 5, None])
def test_a_body_has_to_be_an_object(raw: object) -> None:
    assert errors(raw)


@pytest.mark.parametrize(
    "field",
    ["systemPrompt", "model", "temperature", "languageHint", "vadSettings", "selectedTools"],
)
def test_an_agents_call_refuses_what_belongs_to_its_template(field: str) -> None:
    with pytest.raises(BadBody) as caught:
        check_agent_call({field: "x"})
    assert list(caught.value.errors) == [field]


def test_an_agents_call_takes_context_and_tools() -> None:
    tool = {"temporaryTool": {"modelToolName": "look", "client": {}}}
    body = check_agent_call({"templateContext": {"a": 1}, "toolOverrides": {"add": [tool]}})
    assert body.tool_overrides is not None
