import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from bridge.commands import check
from bridge.commands.findings import Finding, Level, exit_status
from bridge.config import load, parse
from tests.support.certificates import self_signed

SOUND = """
ultravox: {api_key: "${KEY}"}
trunks: {pbx: {hosts: [192.0.2.0/24]}}
agents: {echo: {agent_id: echo}}
routes: [{agent: echo}, {agent: echo, to: "1"}]
control: {token: t}
"""


@pytest.fixture(autouse=True)
def build(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A PJSIP whose figures a test may choose."""
    version = SimpleNamespace(version="2.17", max_calls=1000)
    module = ModuleType("sip.pjsua")
    module.version = lambda: version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sip.pjsua", module)
    return version


@pytest.fixture(autouse=True)
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel whose port range is nobody's concern here."""
    monkeypatch.setattr("bridge.configuration.doubts.EPHEMERAL_PORTS", tmp_path / "absent")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.yaml"
    path.write_text(SOUND)
    return path


def test_a_sound_file_is_told_with_its_warnings_and_the_pjsip_in_use(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.run(file, live=False, env={"KEY": "k"}) == 0
    *told, audio = capsys.readouterr().out.replace(f"{file}", "FILE").splitlines()
    assert "audio: the packets' path is " in audio
    assert told == [
        "warning  FILE:5: routes.2: is never reached: route 1 takes all its calls",
        "ok       FILE: 1 trunk, 1 agent, 2 routes",
        "ok       PJSIP: version 2.17, up to 1000 calls",
    ]


def test_a_wrong_file_is_told_on_one_line_for_each_mistake_and_ends_with_2(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(SOUND.replace("hosts", "host").replace("routes", "root"))
    assert check.run(file, live=False, env={}) == 2
    out = capsys.readouterr().out.replace(f"{file}", "FILE")
    assert [line.partition(": ")[0] for line in out.splitlines()] == [
        "mistake  FILE:2",
        "mistake  FILE:3",
        "mistake  FILE:5",
        "ok       PJSIP",
    ]


def test_a_wrong_file_is_not_tried_live(file: Path) -> None:
    findings: list[Finding] = []
    check.check(file, live=True, env={}, tell=findings.append)
    assert [finding.level for finding in findings] == [Level.MISTAKE, Level.OK]


def test_a_pjsip_too_small_for_the_calls_is_warned_of(build: SimpleNamespace) -> None:
    build.max_calls = 4
    finding = check.pjsip(100)
    assert finding.level is Level.WARNING
    assert finding.message == "version 2.17, up to 4 calls; sip.max_calls is 100"


@pytest.mark.parametrize(
    ("state", "level"), [("compiled", Level.OK), ("pure Python: it is old", Level.WARNING)]
)
def test_a_packets_path_that_runs_as_plain_python_is_warned_of(
    state: str, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvbridge_native", SimpleNamespace(state=lambda root: state))
    finding = check.audio()
    assert (finding.level, state in finding.message) == (level, True)
    monkeypatch.setitem(sys.modules, "uvbridge_native", None)
    assert check.audio().level is Level.WARNING


def test_without_pjsip_it_says_so_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sip.pjsua", None)
    finding = check.pjsip()
    assert finding.level is Level.FAILURE
    assert "no call can be made" in finding.message


@pytest.mark.parametrize(
    ("agent", "where", "says"),
    [
        ("{call: {sytemPrompt: x}}", "call.sytemPrompt", "did you mean systemPrompt?"),
        ("{call: {maxDuration: 30m}}", "call.maxDuration", "pattern"),
        ("{call: {firstSpeakerSettings: {}}}", "call.firstSpeakerSettings", "Exactly one"),
        ("{agent_id: a, body: {systemPrompt: x}}", "body.systemPrompt", "not a key that Ultravox"),
    ],
)
def test_a_request_body_that_ultravox_would_refuse_is_warned_of(
    agent: str, where: str, says: str
) -> None:
    (found,) = check.bodies(parse(SOUND.replace("{agent_id: echo}", agent), {"KEY": "k"}))
    assert (found.level, found.where) == (Level.WARNING, f"agents.echo.{where}")
    assert says in found.message


def test_request_bodies_that_ultravox_documents_are_passed_over_in_silence() -> None:
    agents = """
  a: {agent_id: a, body: {maxDuration: 30s, recordingEnabled: null}, variables: {x: 1}}
  b: {call: {systemPrompt: "x {caller}", temperature: 0.4, metadata: {a: b}}}
  c: {join_url: wss://example.net/x}
"""
    text = SOUND.replace("{echo: {agent_id: echo}}", agents)
    text = text.replace("agent: echo", "agent: a")
    assert list(check.bodies(parse(text, {"KEY": "k"}))) == []


@pytest.mark.parametrize(
    ("ends_days", "level", "says"),
    [
        (90.5, Level.OK, "holds 90 days more"),
        (3.5, Level.WARNING, "holds 3 days more"),
        (-0.5, Level.FAILURE, "certificate has expired"),
    ],
)
def test_the_certificate_for_tls_listeners_is_looked_at(
    tmp_path: Path, ends_days: float, level: Level, says: str
) -> None:
    files = self_signed(tmp_path, ends_days=ends_days)
    text = SOUND + (
        "sip: {listen: [tls://0.0.0.0], tls: "
        f"{{certificate: {files.certificate}, private_key: {files.private_key}}}}}"
    )
    file = tmp_path / "bridge.yaml"
    file.write_text(text)
    *_, last = check.sound(file, load(file, {"KEY": "k"}))
    assert (last.level, last.where) == (level, "sip.tls.certificate")
    assert says in last.message


def test_without_a_certificate_nothing_is_said_of_it() -> None:
    assert list(check.certificate(parse(SOUND, {"KEY": "k"}), now=0.0)) == []


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ((), 0),
        ((Level.OK, Level.WARNING), 0),
        ((Level.OK, Level.FAILURE), 1),
        ((Level.FAILURE, Level.MISTAKE), 2),
    ],
)
def test_the_exit_status_is_that_of_the_worst_finding(
    levels: tuple[Level, ...], status: int
) -> None:
    assert exit_status(Finding(level=level, where="", message="") for level in levels) == status
