"""What the papers show of bridge.yaml is what the bridge takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from bridge import scenario
from bridge.config import parse
from bridge.transfer import Mode, TransferOrder, TransferTerms

ROOT = Path(__file__).parents[2]
PAPERS = [
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"),
    *(
        str(file.relative_to(ROOT))
        for folder in ("docs", "deploy", "examples")
        for file in sorted((ROOT / folder).rglob("*.md"))
    ),
]
SECTIONS = {
    "sip",
    "media",
    "ultravox",
    "trunks",
    "agents",
    "routes",
    "outbound",
    "control",
    "journal",
}
"""What a block of bridge.yaml begins with; other blocks are something else's."""
REST: dict[str, Any] = {
    "ultravox": {"api_key": "key"},
    "trunks": {"carrier": {"hosts": ["192.0.2.1"]}},
    "agents": {name: {"agent_id": name} for name in ("reception", "helpdesk")},
    "routes": [{"agent": "reception"}],
}
"""What a block leaves out."""


def blocks() -> Iterator[tuple[str, dict[str, Any]]]:
    for paper in PAPERS:
        text = (ROOT / paper).read_text()
        for found in re.finditer(r"^( *)```yaml\n(.*?)^ *```", text, re.M | re.S):
            block = yaml.safe_load(re.sub(rf"(?m)^{found[1]}", "", found[2]))
            if isinstance(block, dict) and set(block) <= SECTIONS:
                yield f"{paper}:{text[: found.start()].count(chr(10)) + 1}", block


BLOCKS = dict(blocks())


def test_the_papers_show_blocks() -> None:
    assert len(BLOCKS) > 6


@pytest.mark.parametrize("where", BLOCKS)
def test_a_block_of_the_papers_is_taken(where: str) -> None:
    block = BLOCKS[where]
    text = re.sub(r"\$\{\w+\}", "secret", yaml.safe_dump(REST | block))
    parse(text.replace("shop:lookup_order", "send_dtmf"), env={})


def asked_of(kind: type) -> set[str]:
    """What may be asked of something, by its class and those that it is made of."""
    return {name for base in kind.__mro__[:-1] for name in vars(base) if not name.startswith("_")}


def test_the_papers_tell_all_that_a_scenario_may_ask_of_its_call() -> None:
    text = (ROOT / "docs/scenarios.md").read_text()
    assert asked_of(scenario.Call) - set(re.findall(r"\bcall\.(\w+)", text)) == set()
    told = set(re.findall(r"`(\w+)", text))
    assert (set(scenario.__all__) | set(scenario.events.__all__)) - told == set()


def test_the_terms_of_a_transfer_are_those_of_its_order() -> None:
    told = get_type_hints(TransferTerms) | {"to": str, "mode": Mode}
    assert told == get_type_hints(TransferOrder)


@pytest.mark.parametrize("paper", PAPERS)
def test_the_papers_refer_to_what_there_is(paper: str) -> None:
    file = ROOT / paper
    for link in re.findall(r"\]\(([^)#:]+)\)", file.read_text()):
        assert (file.parent / link).exists(), link
