"""The unit is one that systemd takes, and says what the bridge does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge import cli, service
from bridge.commands import exit_status

UNIT = Path(__file__).parents[3] / "deploy/systemd/uvbridge.service"


def values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.M)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    # Its program lies where this installation does not.
    copy.write_text(re.sub(r"(?m)^(Exec\w+=)\S+", rf"\1{sys.executable}", UNIT.read_text()))
    told = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_the_unit_runs_commands_that_there_are() -> None:
    for line in (*values("ExecStartPre"), *values("ExecStart")):
        _, command, *options = line.split()
        told = CliRunner().invoke(cli.app, [command, "--help"], terminal_width=200)
        assert told.exit_code == 0
        assert all(each in told.stdout for each in options if each.startswith("-"))


def test_a_wrong_configuration_is_not_tried_again() -> None:
    assert values("RestartPreventExitStatus") == [str(exit_status.USAGE)]


def test_the_watchdog_waits_for_more_than_one_answer_of_the_sip_thread() -> None:
    assert float(values("WatchdogSec")[0]) > 4 * service.ANSWER_S
