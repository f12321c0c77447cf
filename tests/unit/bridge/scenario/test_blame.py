import importlib.util
from pathlib import Path

import pytest

from bridge.errors import ScenarioFailed
from bridge.scenario.blame import blamed

CODE = """
from rtp.dtmf import dialled

def greet():
    try:
        dialled("no keys")
    except ValueError as error:
        return error
"""


@pytest.mark.parametrize("folder", ["shop", "site-packages"])
def test_the_scenarios_own_line_is_told_wherever_it_is_installed(
    tmp_path: Path, folder: str
) -> None:
    """The bridge raised it, called wrongly."""
    file = tmp_path / folder / "reception.py"
    file.parent.mkdir()
    file.write_text(CODE)
    spec = importlib.util.spec_from_file_location("reception", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    failed = blamed(module.greet(), "c-1")
    assert isinstance(failed, ScenarioFailed)
    assert failed.detail == f"ValueError at {file}:6"
