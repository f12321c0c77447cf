"""What dashboard and alerts ask for is what a service tells: no name, label or cause is made up."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.admission import State
from bridge.outcome import Cause, Result
from bridge.recording.recording import Result as RecordingResult
from bridge.shared.limits import Answer
from bridge.tools.results import Kind
from tests.support.service import Bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD = DEPLOY / "grafana/dashboards/uvbridge.json"
ALERTS = DEPLOY / "prometheus/alerts.yaml"
OPERATIONS = DEPLOY.parent / "docs/operations.md"


def found(value: Any, key: str) -> Iterator[str]:
    """What stands under `key`, wherever it is."""
    match value:
        case dict():
            for name, each in value.items():
                if name == key and isinstance(each, str):
                    yield each
                yield from found(each, key)
        case list():
            for each in value:
                yield from found(each, key)


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(ALERTS.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    return [*found(dashboard, "expr"), *(rule["expr"] for rule in rules())]


async def test_every_metric_that_is_asked_for_is_there(bridge: Bridge) -> None:
    async with bridge.api.get("/metrics") as response:
        types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", await response.text(), re.M))
    there = {f"{name}_bucket" if kind == "histogram" else name for name, kind in types.items()}
    asked = set()
    for expression in expressions():
        asked |= set(re.findall(r"\b(?:bridge|process)_\w+", expression))
    assert len(asked) > 30
    assert asked - there == set()


async def test_every_value_of_a_label_that_is_asked_for_can_be() -> None:
    values: dict[str, set[str]] = {
        "cause": set(Cause),
        "state": set(State),
        "answer": set(Answer),
        "result": {*Result, *RecordingResult, *Kind},
        "direction": {"inbound", "outbound", "sent", "received"},
        "status": {"401", "402", "403", "429"},
    }
    for expression in expressions():
        for label, operator, value in re.findall(r'(\w+)(=~|=|!=)"([^"$]*)"', expression):
            if label == "job":
                continue
            choices = value.split("|") if operator == "=~" else [value]
            for choice in choices:
                assert any(re.fullmatch(choice, each) for each in values[label]), expression


async def test_every_alert_says_how_urgent_it_is_and_the_papers_say_what_to_do() -> None:
    papers = OPERATIONS.read_text()
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in papers


async def test_the_panels_do_not_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
