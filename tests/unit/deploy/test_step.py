"""A step that fails says which and why, and leaves no process behind."""

import contextlib
import time
from pathlib import Path

import pytest

from deploy.pjsua2.step import StepFailed, run, step


def test_a_failed_command_shows_its_step_and_its_last_thirty_lines(tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done; exit 7"
    with pytest.raises(StepFailed) as failure:
        run(["sh", "-c", script], name="compile", log=tmp_path / "log")
    shown = str(failure.value).splitlines()
    assert shown[0] == "compile: sh exits with 7"
    assert [line.strip() for line in shown[1:]] == [f"line {i}" for i in range(71, 101)]
    assert failure.value.status == 7


def test_a_missing_program_is_a_failed_step(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"compile: .*no-such-compiler"):
        run(["no-such-compiler"], name="compile", log=tmp_path / "log")


def test_when_one_command_fails_the_others_end_with_all_they_started(tmp_path: Path) -> None:
    watched, ready = tmp_path / "watched", tmp_path / "ready"
    watched.touch()
    with pytest.raises(StepFailed):
        run(
            ["sh", "-c", f"tail -f {watched} & touch {ready}; wait"],
            # Fails once the grandchild is there and still runs.
            ["sh", "-c", f"until [ -e {ready} ]; do sleep 0.01; done; exit 1"],
            name="compile",
            log=tmp_path / "log",
        )
    deadline = time.monotonic() + 20  # it was told to end; a loaded machine lets it take its time
    while running(str(watched)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running(str(watched))


def running(word: str) -> bool:
    """Whether any process has `word` among its arguments."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if word in process.read_text():
                return True
    return False


def test_commands_run_where_and_with_what_they_are_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(["sh", "-c", "pwd; echo $FLAVOUR"], name="try", log=log, cwd=tmp_path, env={"FLAVOUR": "x"})
    assert log.read_text() == f"{tmp_path}\nx\n"


def test_progress_is_one_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    with step("configure"):
        pass
    assert capsys.readouterr().out == "  pjsip: configure … 0 s\n"


def test_progress_says_which_step_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StepFailed), step("configure"):
        raise StepFailed("no")
    assert capsys.readouterr().out == "  pjsip: configure … failed\n"
