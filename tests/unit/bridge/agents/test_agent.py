from typing import Any

import pytest
from pydantic import TypeAdapter

from bridge.agents.agent import Agent
from bridge.background import Background
from bridge.config import AgentConfig
from bridge.errors import AgentRefused
from bridge.facts import Direction, Facts
from bridge.ultravox.api import Api
from bridge.ultravox.standin.bodies import check_agent_call, check_call
from sip import Headers

FACTS = Facts(
    direction=Direction.INBOUND,
    trunk="pbx",
    caller="+4420",
    callee="1000",
    agent="a",
    caller_name="Ann",
    sip_call_id="dialog-1",
    headers=Headers([("X-Account", "42")]),
    variables={"name": "Bob"},
)


def agent(**config: Any) -> Agent:
    made = TypeAdapter(AgentConfig).validate_python(config)
    return Agent("a", made, api=Api("http://127.0.0.1:1/api", "key"), background=Background())


def test_a_stored_agents_request_holds_the_variables_and_the_facts_of_the_call() -> None:
    ours = agent(
        agent_id="x",
        variables={"number": "{caller}", "account": "{header:x-account}", "name": "none"},
        metadata={"trunk": "{trunk}", "call": "{sip_call_id}"},
        body={"maxDuration": "60s", "templateContext": {"kept": 1}},
    )
    body = ours.request(FACTS, sample_rate=8000)
    assert body["templateContext"] == {
        "kept": 1,
        "number": "+4420",
        "account": "42",
        "name": "Bob",
    }
    assert body["metadata"] == {"trunk": "pbx", "call": "dialog-1"}
    assert body["maxDuration"] == "60s"
    check_agent_call(body)


def test_a_call_without_a_stored_agent_is_passed_through_and_filled_in() -> None:
    ours = agent(call={"systemPrompt": "You speak to {caller_name} about {{it}}.", "voice": "Mark"})
    body = ours.request(FACTS, sample_rate=16000)
    assert body["systemPrompt"] == "You speak to Ann about {{it}}."
    assert body["voice"] == "Mark"
    medium = body["medium"]["serverWebSocket"]
    assert medium["inputSampleRate"] == medium["outputSampleRate"] == 16000
    assert medium["clientBufferSizeMs"] == 30000
    assert "templateContext" not in body
    check_call(body)


def test_the_query_is_filled_in_too_and_what_the_call_does_not_have_is_left_out() -> None:
    query = {"throttle": "{trunk}", "priorCallId": "{var:before}", "plain": "x"}
    assert agent(agent_id="x", query=query).query(FACTS) == {"throttle": "pbx", "plain": "x"}


def test_the_configured_body_is_not_changed_by_a_call() -> None:
    ours = agent(call={"systemPrompt": "{caller}", "metadata": {"a": "b"}}, metadata={"c": "d"})
    ours.request(FACTS, sample_rate=8000)
    assert ours.config.call == {"systemPrompt": "{caller}", "metadata": {"a": "b"}}


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"agent_id": "x"}, lambda body: body["toolOverrides"]["add"]),
        ({"call": {}}, lambda body: body["selectedTools"]),
    ],
)
def test_tools_are_offered_where_the_kind_of_call_wants_them(
    config: dict[str, Any], place: Any
) -> None:
    body = agent(**config, tools=["hang_up"]).request(FACTS, sample_rate=8000)
    (tool,) = place(body)
    assert tool["temporaryTool"]["modelToolName"] == "hang_up"


def test_the_time_to_join_outlasts_the_ringing_unless_it_was_given() -> None:
    body = agent(agent_id="x").request(FACTS, sample_rate=8000, ring_s=60)
    assert float(body["joinTimeout"].removesuffix("s")) > 60
    given = agent(agent_id="x", body={"joinTimeout": "99s"})
    assert given.request(FACTS, sample_rate=8000, ring_s=60)["joinTimeout"] == "99s"
    assert "joinTimeout" not in agent(agent_id="x").request(FACTS, sample_rate=8000)


async def test_a_join_url_may_come_with_the_call_and_is_told_when_it_does_not() -> None:
    ours = agent(join_url="{header:X-Join-URL}")
    with pytest.raises(AgentRefused, match="join_url"):
        await ours.reserve(FACTS, sample_rate=8000).created()
    there = agent(join_url="ws://127.0.0.1/{header:X-Account}")
    created = await there.reserve(FACTS, sample_rate=8000).created()
    assert created.join_url == "ws://127.0.0.1/42"
    assert "127.0.0.1" not in repr(created)
