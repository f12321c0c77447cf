import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge import cli

COMMANDS = ("serve", "check", "call", "calls", "hangup", "trunks", "standin")


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        "agents: {a: {join_url: 'wss://example.org/x'}}\n"
        "trunks: {pbx: {hosts: [192.0.2.1]}}\n"
        "control: {listen: '127.0.0.1:1', token: t}\n"
    )
    return str(file)


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.app, words)
    return done.exit_code, done.stdout, done.stderr


def test_the_commands_are_those_of_the_fixed_face() -> None:
    status, out, _ = run("--help")
    assert status == 0
    assert all(f" {command} " in out for command in COMMANDS)


def test_the_version_is_told_as_an_option_too() -> None:
    assert run("--version") == run("version")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "Usage:" in out


@pytest.mark.parametrize(
    "words", [("call", "1"), ("call", "--agent", "a"), ("hangup",), ("sreve",)]
)
def test_a_command_that_lacks_something_exits_2(words: tuple[str, ...]) -> None:
    status, _, err = run(*words)
    assert status == 2
    assert "Usage:" in err


@pytest.mark.parametrize("pair", ["name", "=value", ""])
def test_a_variable_without_a_name_or_a_value_exits_2(config: str, pair: str) -> None:
    status, out, err = run("call", "1", "--agent", "a", "--var", pair, "-c", config)
    assert (status, out) == (2, "")
    assert err == f"--var {pair}: should be name=value\n"


@pytest.mark.parametrize("words", [("calls",), ("trunks",), ("hangup", "c-1")])
def test_without_a_service_a_command_says_where_it_looked(
    config: str, words: tuple[str, ...]
) -> None:
    status, out, err = run(*words, "-c", config)
    assert (status, out) == (1, "")
    assert err == "no service answers at http://127.0.0.1:1\n"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--listen", "foo"), 2, "--listen foo: should be host:port\n"),
        (("--listen", "127.0.0.1:70000"), 2, "--listen 127.0.0.1:70000: should be host:port\n"),
        (
            ("--listen", "192.0.2.1:0"),
            1,
            "cannot listen on 192.0.2.1:0: no address of this machine\n",
        ),
        (("--tls-cert", "/nowhere"), 1, "--tls-cert /nowhere: No such file or directory\n"),
    ],
)
def test_a_standin_that_cannot_run_says_why_in_one_line(
    words: tuple[str, ...], status: int, told: str
) -> None:
    assert run("standin", *words) == (status, "", told)


def test_a_closed_standard_output_is_no_matter(config: str) -> None:
    words = (sys.executable, "-m", "bridge", "calls", "-c", config)
    done = subprocess.run(("sh", "-c", '"$@" >&-', "sh", *words), stderr=-1, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "no service answers at http://127.0.0.1:1\n")


@pytest.mark.parametrize("words", [("calls",), ("trunks",), ("hangup", "c-1")])
def test_to_look_at_the_service_takes_no_secrets_of_its_trunks(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "bridge.yaml"
    text = "agents: {a: {join_url: '${NOT_SET}'}}\ntrunks: {pbx: {hosts: ['${NOT_SET}']}}\n"
    file.write_text(text + "control: {listen: '127.0.0.1:1', token: t}\n")
    assert run(*words, "-c", str(file)) == (1, "", "no service answers at http://127.0.0.1:1\n")
    file.write_text(text + "control: {listen: '127.0.0.1:1', token: '${NOT_SET}'}\n")
    status, _, err = run(*words, "-c", str(file))
    assert (status, "control.token" in err) == (2, True)


@pytest.mark.parametrize("command", ["serve", "calls", "call"])
def test_a_mistake_in_the_file_exits_2_and_names_the_key(tmp_path: Path, command: str) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text("agnets: {}\n")
    more = ("1", "--agent", "a") if command == "call" else ()
    status, _, err = run(command, *more, "-c", str(file))
    assert status == 2
    assert "agnets" in err
    assert "agents" in err


def test_a_missing_pjsip_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pjsua2", None)
    for name in [name for name in sys.modules if name.startswith("sip.pjsua")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "argv", ["uvbridge", "version"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("PJSIP cannot be used: ")
    assert line.endswith("; run make setup")
