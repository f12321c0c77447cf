from pathlib import Path

import pytest

from bridge.commands import check
from bridge.config import ConfigError, parse
from bridge.tools.inspection import mistakes, named

FOLDER = Path(__file__).parents[3] / "data" / "tools"


def text(tools: str, more: str = "") -> str:
    return f"""
ultravox: {{api_key: k}}
trunks: {{pbx: {{hosts: [192.0.2.0/24]}}}}
agents:
  desk: {{agent_id: a{more}, tools: {tools}}}
routes: [{{agent: desk}}]
control: {{token: t}}
"""


def wrong(tools: str, more: str = "") -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse(text(tools, more), {})
    return {mistake.path: mistake.advice for mistake in caught.value.mistakes}


def found(tools: str) -> dict[str, str]:
    config = parse(text(tools), {}, folder=FOLDER)
    return {mistake.path: mistake.message for mistake in mistakes(config)}


@pytest.mark.parametrize(
    ("tools", "path", "told"),
    [
        ("[hang_upp]", "1", "did you mean hang_up?"),
        ("[lookup_order]", "1", "nor package.module:name of yours"),
        ("['a b:c']", "1", "should be package.module:name"),
        ("[hang_up, hang_up]", "", "has hang_up twice"),
        ("[{mcp: 'ftp://x'}]", "1.mcp", "should be"),
        ("[{mcp: []}]", "1.mcp", "needs at least one entry"),
        ("[{mcp: 'http://x', timeout_s: 41}]", "1.timeout_s", "less than or equal to 40"),
        ("[{mcp: 'http://x', env: {A: b}}]", "1", "env goes with a command"),
        ("[{mcp: [a], headers: {A: b}}]", "1", "headers go with an address"),
        ("[transfer]", "1", "leads nowhere"),
    ],
)
def test_what_is_wrong_with_a_list_of_tools_is_told(tools: str, path: str, told: str) -> None:
    ((where, message),) = wrong(tools).items()
    assert where == f"agents.desk.tools.{path}".rstrip(".")
    assert told in message


@pytest.mark.parametrize(
    ("transfer", "path", "told"),
    [
        ("{destinations: {sales: ann}}", "destinations.sales", "telephone number or sip:user@host"),
        ("{destinations: {a b: 1, A-B: 2}}", "destinations", "one name to a speaker"),
        ("{allow: ['+44*1']}", "allow.1", "should be a number"),
        ("{allow: ['sip:*@*']}", "allow.1", "should be a number"),
    ],
)
def test_what_is_wrong_with_a_dial_policy_is_told(transfer: str, path: str, told: str) -> None:
    assert told in wrong("[hang_up]", f", transfer: {transfer}")[f"agents.desk.transfer.{path}"]


def test_a_policy_that_allows_any_number_is_warned_of() -> None:
    config = parse(text("[transfer]", ", transfer: {allow: ['+*', '+44*']}"), {})
    (warning,) = config.warnings
    assert (warning.path, warning.line) == ("agents.desk.transfer.allow.1", 5)


def test_what_only_a_module_can_tell_is_told_with_its_place() -> None:
    assert found("['trying_tools:add', 'trying_tools:ad', 'trying_tools:USED']") == {
        "agents.desk.tools.2": "there is no ad in trying_tools; did you mean add?",
        "agents.desk.tools.3": "trying_tools:USED cannot be a tool: is no function",
    }
    assert found("['trying_tools:add', 'operator:add']")["agents.desk.tools.2"].startswith(
        "operator:add cannot be a tool"
    )


def test_two_tools_of_one_name_are_told() -> None:
    assert (
        "has a tool process already"
        in found("['trying_tools:process', 'twins:process']")["agents.desk.tools.2"]
    )


def test_functions_and_servers_that_several_agents_name_are_had_once() -> None:
    config = parse(
        """
        ultravox: {api_key: k}
        agents:
          a: {agent_id: a, tools: [hang_up, "m:f", {mcp: "http://x/mcp", headers: {K: v}}]}
          b: {agent_id: b, tools: ["m:f", "m:g", {mcp: "http://x/mcp", headers: {K: v}}]}
          c: {agent_id: c, tools: [{mcp: "http://x/mcp", headers: {K: w}}]}
        """,
        {},
    )
    references, servers = named(config)
    assert references == ["m:f", "m:g"]
    assert [each.order["headers"] for each in servers] == [{"K": "v"}, {"K": "w"}]
    assert not any("v" in each.key.partition("mcp")[2] for each in servers)


def test_check_tells_a_missing_tool_and_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(text("['no_such_module:f']"))
    assert check.run(file, live=False, env={}) == 2
    line = "bridge.yaml:5: agents.desk.tools.1: there is no module no_such_module"
    assert line in capsys.readouterr().out
