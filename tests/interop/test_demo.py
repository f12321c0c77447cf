"""`make demo` keeps its promises, on real programs: baresip, the bridge, the stand-in."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.demo.script import SOUNDS

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip-core is not installed"),
    pytest.mark.skipif(not SOUNDS.is_dir(), reason="asterisk-core-sounds-en-wav is not installed"),
]

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "deploy.demo.run")
TIMEOUT_S = 90
PACKET_S = 0.02
SPEECH_RMS = 500
SILENCE_PEAK = 100


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo printed and the folder that it wrote."""
    output = tmp_path_factory.mktemp("demo")
    run = subprocess.run(
        [*COMMAND, str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout, output


def _sides(output: Path) -> tuple[NDArray[np.int16], NDArray[np.int16], int]:
    with wave.open(str(output / "call.wav")) as file:
        assert file.getnchannels() == 2
        assert file.getsampwidth() == 2
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return frames[:, 0], frames[:, 1], file.getframerate()


def _rms(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _figures(output: Path) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((output / "figures.json").read_text())
    return figures


def test_the_timeline_tells_the_call_in_order(demo: tuple[str, Path]) -> None:
    printed, _ = demo
    steps = ["ringing", "answered", "barge-in", "caller", "turn", "hang_up", "agent-hung-up"]
    positions = [printed.index(step) for step in steps]
    assert positions == sorted(positions)


def test_both_parties_are_heard_in_the_recording(demo: tuple[str, Path]) -> None:
    caller, agent, _ = _sides(demo[1])
    assert _rms(caller) > SPEECH_RMS
    assert _rms(agent) > SPEECH_RMS


def test_the_agent_falls_silent_at_the_barge_in(demo: tuple[str, Path]) -> None:
    caller, agent, rate = _sides(demo[1])
    barge_in = _figures(demo[1])["barge_in"]
    assert barge_in["dropped_ms"] > 1000
    mark = round(barge_in["at_s"] * rate)
    silent = mark + round(2 * PACKET_S * rate)
    assert _rms(agent[mark - rate // 2 : mark]) > SPEECH_RMS
    assert np.abs(agent[silent : silent + 2 * rate].astype(np.int32)).max() < SILENCE_PEAK
    assert _rms(caller[silent : silent + 2 * rate]) > SPEECH_RMS


def test_the_agent_answers_after_it_was_interrupted(demo: tuple[str, Path]) -> None:
    _, agent, rate = _sides(demo[1])
    mark = round(_figures(demo[1])["barge_in"]["at_s"] * rate)
    assert _rms(agent[mark + 2 * rate :]) > SPEECH_RMS


def test_the_picture_is_drawn_with_the_barge_in(demo: tuple[str, Path]) -> None:
    drawing = ElementTree.parse(demo[1] / "call.svg").getroot()
    svg = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f"{svg}polygon")) == 2
    texts = [text.text or "" for text in drawing.findall(f"{svg}text")]
    assert any(text.startswith("barge-in") for text in texts)


def test_the_journal_says_that_the_agent_hung_up(demo: tuple[str, Path]) -> None:
    (line,) = (demo[1] / "journal.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert record["outcome"]["result"] == "success"
    assert record["outcome"]["cause"] == "agent-hung-up"
    assert record["barge_ins"] == 1
    assert {each["role"] for each in record["transcript"]} == {"agent", "user"}
    assert record["sound"]["lost"] == 0


def test_every_figure_was_measured(demo: tuple[str, Path]) -> None:
    printed, output = demo
    names = [name for name, _, _ in _figures(output)["figures"]]
    assert {"setup", "turn latency", "loss to agent", "jitter to caller", "added delay"} <= set(
        names
    )
    assert all(name in printed for name in names)


def test_a_missing_package_is_named_in_one_line(tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 1
    assert "baresip-core" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_demo_that_is_stopped_leaves_no_process(tmp_path: Path) -> None:
    demo = subprocess.Popen([*COMMAND, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        assert any("answered" in line for line in demo.stdout)
        children = _children(demo.pid)
        assert len(children) >= 3
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=TIMEOUT_S)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == 130
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def _children(parent: int) -> list[int]:
    """The processes that `parent` has started, from proc(5)."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def test_what_is_said_is_told_whole_or_not_at_all(demo: tuple[str, Path]) -> None:
    assert not re.findall(r"^ *[\d.]+ s +(?:agent|caller) *$", demo[0], re.M)
