"""Every example runs as its README says, and does what it promises."""

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.interop


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("incoming", ["agent: Hotel Bristol, good evening. What can I do for you?"]),
        ("outbound", ["callee: agent-hung-up"]),
        ("transfer", ["anna: declined", "ben: connected"]),
        ("function_calling", ["caller asks for the weather of Lisbon", "harbour office of Porto"]),
        ("menu", ["pressed: 9", "pressed: 1", "connected with sales", "agent-hung-up"]),
    ],
)
async def test_an_example_plays_its_story(name: str, lines: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.run", name),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 180)
    told = out.decode()
    assert process.returncode == 0, told
    assert told.endswith("the end\n")
    for line in lines:
        assert line in told
    assert "Traceback" not in told
    assert " ERROR " not in told


def test_every_example_is_tested_and_has_a_readme() -> None:
    found = {path.parent for path in (ROOT / "examples").glob("*/story.py")}
    assert {path.name for path in found} >= {
        *("incoming", "outbound", "transfer", "menu", "function_calling")
    }
    assert all((path / "README.md").exists() for path in found)
