import pytest

from bridge.ultravox.standin.agents import (
    AGENTS,
    RECEPTION,
    Invoke,
    Leave,
    Say,
    fill,
    find,
    prompted,
)


def test_an_agent_is_found_by_name_and_by_id() -> None:
    receptionist = AGENTS["receptionist"]
    assert find("receptionist", {}) is receptionist
    assert find(receptionist.id, {}) is receptionist


@pytest.mark.parametrize("name", ["error-429", "close-1008", "tool:transferCall"])
def test_an_agent_may_be_one_of_a_family(name: str) -> None:
    agent = find(name, {})
    assert agent is not None
    assert agent.name == name


@pytest.mark.parametrize("name", ["", "nobody", "error-200", "error-4290", "close-9", "tool:"])
def test_an_unknown_name_finds_nobody(name: str) -> None:
    assert find(name, {}) is None


def test_a_tool_agent_takes_its_parameters_from_the_metadata() -> None:
    agent = find("tool:look", {"standin.parameters": '{"n": 5}'})
    assert agent is not None
    assert Invoke(tool="look", parameters={"n": 5}) in agent.script[0]


def test_a_prompt_may_hold_a_script() -> None:
    prompt = """You are an agent.
    say: Hello.
    say: Wait.
    tool: look {"n": 5}
    hang up"""
    assert prompted(prompt) == (
        (Say(text="Hello."),),
        (Say(text="Wait."), Invoke(tool="look", parameters={"n": 5}), Leave()),
    )


@pytest.mark.parametrize("prompt", [None, "", "You are a helpful assistant."])
def test_a_prompt_without_a_script_makes_a_receptionist(prompt: str | None) -> None:
    assert prompted(prompt) == RECEPTION


def test_a_tool_line_with_bad_json_has_no_parameters() -> None:
    assert prompted("tool: look {oops") == ((Invoke(tool="look", parameters={}),),)


def test_names_in_braces_are_filled_from_the_context() -> None:
    step = fill(Say(text="Hello {{name}}, {{ other }}."), {"name": "Ann"})
    assert step == Say(text="Hello Ann, {{ other }}.")
