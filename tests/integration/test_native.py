"""The compiled form of the packets' path: the same tests, and left alone where sources differ."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.native.build import digests, installed

ROOT = Path(__file__).parents[2]
SOCKET = (
    "import socket, rtp.datagrams as d;"
    " print(d.datagrams(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))"
)
PACKETS = (
    *("arrivals", "codec", "codec_change", "decoder", "downlink", "drift", "dtmf", "encoder"),
    *("format", "frames", "hush", "jitter", "keepalive", "latch", "ledger", "pacer", "packet"),
    *("pauses", "playout", "receiver", "relay", "srtp", "stream", "timeline", "uplink"),
)
SAME_TESTS = {
    "packets": (
        *(f"tests/unit/rtp/test_{name}.py" for name in PACKETS),
        "tests/integration/test_stream.py",
    ),
    "agents": (
        *(f"tests/unit/bridge/{name}" for name in ("agents", "media", "test_bounds.py")),
        "tests/integration/test_session.py",
    ),
    "calls": tuple(
        f"tests/integration/service/test_{name}.py"
        for name in ("inbound", "midcall", "srtp", "steering")
    ),
}
"""Tests whose values reach what is compiled. It checks types when it runs, as plain code does not:
what only it refuses is found here."""
FORM = "import rtp.srtp; print(rtp.srtp.context('AEAD_AES_128_GCM', bytes(28)))"
WHERE = "import rtp.stream; print(rtp.stream.__file__)"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("uvbridge_native") is None, reason="nothing was compiled (make setup)"
)


def python(*arguments: str, pure: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "UVBRIDGE_PURE": pure},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_compiled_is_what_lies_here() -> None:
    assert installed() == digests(), "the sources have changed since: make setup"
    assert python("-c", WHERE).stdout.strip().endswith(".so")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", SAME_TESTS)
def test_the_compiled_path_passes_the_tests_of_the_sources(part: str) -> None:
    options = ("-q", "-p", "no:cacheprovider", "--no-cov", "-m", "not plain")
    done = python("-m", "pytest", *options, *SAME_TESTS[part])
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def test_the_command_starts_compiled_from_any_folder(tmp_path: Path) -> None:
    """As `make setup` leaves it: what is installed editable is found last of all."""
    program = f"""
import importlib.util, sys
from importlib.machinery import PathFinder

class Editable:
    def find_spec(self, name, path=None, target=None):
        return PathFinder.find_spec(name, [{str(ROOT)!r}]) if path is None else None

sys.path = [each for each in sys.path if each not in ("", {str(ROOT)!r})]
sys.meta_path.append(Editable())
import bridge.agents, bridge.commands.serve, rtp.stream
print(rtp.stream.__file__)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "UVBRIDGE_PURE": "", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith(".so"), done.stderr


def test_check_tells_that_it_runs_compiled(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text("agents: {a: {join_url: 'wss://example.org/x'}}\n")
    told = python("-m", "bridge", "check", "-c", str(file)).stdout
    assert "the packets' path is compiled" in told


def test_who_asks_for_the_plain_sources_gets_them() -> None:
    assert python("-c", WHERE, pure="1").stdout.strip() == str(ROOT / "rtp/stream.py")
    assert "libsrtp.Context" in python("-c", FORM, pure="1").stdout
    assert "pydatagrams.Datagrams" in python("-c", SOCKET, pure="1").stdout


@pytest.mark.skipif(not Path("/usr/include/openssl/evp.h").exists(), reason="no libssl-dev")
def test_packets_are_encrypted_by_our_own_c() -> None:
    assert "_srtp.Context" in python("-c", FORM).stdout


def test_sockets_are_read_by_our_own_c() -> None:
    assert "_datagrams.Datagrams" in python("-c", SOCKET).stdout


def test_a_build_of_other_sources_is_left_alone(tmp_path: Path) -> None:
    for package in ("rtp", "bridge"):
        (tmp_path / package).symlink_to(ROOT / package)
    (tmp_path / "rtp").unlink()
    (tmp_path / "rtp").mkdir()
    for source in (ROOT / "rtp").glob("*.py"):
        (tmp_path / "rtp" / source.name).write_bytes(source.read_bytes())
    edited = tmp_path / "rtp" / "stream.py"
    edited.write_text(edited.read_text() + "\n# edited\n")
    done = subprocess.run(
        [sys.executable, "-c", WHERE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "UVBRIDGE_PURE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(edited)
