from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.commands.check import check
from bridge.commands.findings import Finding
from bridge.config import ConfigError, load
from bridge.facts import Direction
from bridge.scenario import default, loading
from bridge.scenario.running import complaint


def write(folder: Path, code: str, *, agent: str | None = None, route: str | None = None) -> Path:
    (folder / "frontdesk.py").write_text(code)
    settings: dict[str, Any] = {
        "ultravox": {"api_key": "k"},
        "trunks": {"pbx": {"hosts": ["192.0.2.1"]}},
        "agents": {"a": {"agent_id": "x", "scenario": agent}},
        "routes": [{"agent": "a", "scenario": route}],
    }
    file = folder / "bridge.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


GOOD = """
class Inbound:
    async def run(self, call): ...

async def plain(call): ...
"""


def test_a_scenario_beside_the_configuration_is_found_and_a_routes_goes_first(folder: Path) -> None:
    config = load(write(folder, GOOD, agent="frontdesk:Inbound", route="frontdesk:plain"), {})
    scenarios = loading.load(config)
    agent, route = config.agents["a"].scenario, config.routes[0].scenario
    assert scenarios.choose(route, agent, direction=Direction.INBOUND).__name__ == "plain"
    assert scenarios.choose(None, agent, direction=Direction.INBOUND).__name__ == "Inbound"
    assert scenarios.choose(None, None, direction=Direction.INBOUND) is default.Inbound
    assert scenarios.choose(None, None, direction=Direction.OUTBOUND) is default.Outbound


@pytest.mark.parametrize(
    ("code", "reference", "word"),
    [
        (GOOD, "nowhere:Inbound", "no module nowhere"),
        (GOOD, "frontdesk:Imbound", "did you mean Inbound"),
        ("def run(call): ...", "frontdesk:run", "nor a coroutine function"),
        ("class C:\n    def run(self, call): ...", "frontdesk:C", "without `async def run"),
        ("async def run(): ...", "frontdesk:run", "has to take the call"),
        ("async def run(call, more): ...", "frontdesk:run", "has to take the call"),
        (
            "class C:\n def __init__(s, x): ...\n async def run(s, c): ...",
            "frontdesk:C",
            ".",
        ),
        ("1 / 0", "frontdesk:run", "ZeroDivisionError"),
        ("async def", "frontdesk:run", "is not Python"),
    ],
)
def test_what_cannot_be_a_scenario_is_told_by_check_and_at_the_start(
    folder: Path, code: str, reference: str, word: str
) -> None:
    file = write(folder, code, agent=reference)
    with pytest.raises(ConfigError, match=r"bridge\.yaml:\d+: agents\.a\.scenario") as caught:
        loading.load(load(file, {}))
    assert word in str(caught.value)
    found: list[Finding] = []
    check(file, live=False, env={}, tell=found.append)
    assert any(word in str(finding) and "agents.a.scenario" in str(finding) for finding in found)


def test_a_reference_of_the_wrong_form_is_a_mistake_of_the_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"agents\.a\.scenario: .*package.module:name"):
        load(write(folder, GOOD, agent="frontdesk.Inbound"), {})


def test_the_default_scenarios_are_scenarios() -> None:
    assert complaint(default.Inbound) is None
    assert complaint(default.Outbound) is None
