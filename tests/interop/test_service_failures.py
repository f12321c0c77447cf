"""What goes wrong around the service: one line that says what and where, and no traceback."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.ultravox.standin.server import Standin
from deploy.ports import free_port
from tests.support.caller import Phone
from tests.support.certificates import self_signed
from tests.support.service import KEY, configuration, offer, running
from tests.support.serving import command


async def start(folder: Path, change: dict[str, Any]) -> tuple[int, str]:
    """Try to serve; the exit status and what was said."""
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs yet
    settings = configuration(folder, "http://127.0.0.1:1/api", change)
    file = folder / "bridge.yaml"
    file.write_text(yaml.safe_dump(settings))
    status, out, err = await command("serve", "-c", str(file))
    assert out == ""
    assert "Traceback" not in err
    return status, err


async def test_a_start_that_fails_says_what_and_where_in_one_line(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as http,
    ):
        sip.bind(("127.0.0.1", 0))
        http.bind(("127.0.0.1", 0))
        http.listen()
        taken_udp, taken_tcp = (f"127.0.0.1:{s.getsockname()[1]}" for s in (sip, http))
        free = {"sip": {"listen": [f"udp://127.0.0.1:{free_port()}"]}}
        failures: dict[str, tuple[dict[str, Any], str, str]] = {
            "sip taken": ({"sip": {"listen": [f"udp://{taken_udp}"]}}, taken_udp, "in use"),
            "not ours": ({"sip": {"listen": ["udp://192.0.2.1:5060"]}}, "192.0.2.1", "assign"),
            "control taken": ({**free, "control": {"listen": taken_tcp}}, taken_tcp, "in use"),
            "journal": ({**free, "journal": {"path": str(tmp_path)}}, str(tmp_path), "directory"),
        }
        said = await asyncio.gather(
            *(start(tmp_path / name, change) for name, (change, _, _) in failures.items())
        )
    for name, (status, err) in zip(failures, said, strict=True):
        _, where, why = failures[name]
        last = err.strip().splitlines()[-1]
        assert status == 1, name
        assert where in last, name
        assert why in last, name
        errors = [line for line in err.splitlines() if " ERROR " in line]
        assert not errors, name


async def test_a_wrong_configuration_tells_every_mistake_at_once_and_exits_2(
    tmp_path: Path,
) -> None:
    change = {
        "sip": {"lissen": [], "max_calls": 0},
        "trunks": {"pbx": {"hosts": ["300.1.1.1/33"]}},
        "routes": [{"agent": "nobody"}],
    }
    status, err = await start(tmp_path / "wrong", change)
    assert status == 2
    for word in ("sip.lissen", "listen", "sip.max_calls", "trunks.pbx.hosts", "nobody"):
        assert word in err
    assert len(err.strip().splitlines()) < 12


async def test_a_missing_file_and_a_missing_variable_exit_2(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text("ultravox: {api_key: ${SURELY_NOT_SET}}\nagents: {a: {agent_id: x}}\n")
    missing, unset = await asyncio.gather(
        command("serve", "-c", str(tmp_path / "nowhere.yaml")), command("serve", "-c", str(file))
    )
    assert (missing[0], unset[0]) == (2, 2)
    assert "nowhere.yaml" in missing[2]
    assert "SURELY_NOT_SET" in unset[2]
    assert "Traceback" not in missing[2] + unset[2]


@pytest.mark.parametrize(
    ("kind", "cause", "word"),
    [
        ("wrong key", "agent-refused", "ultravox.api_key"),
        ("expired certificate", "agent-unavailable", "expired"),
        ("nobody there", "agent-unavailable", "cannot reach"),
    ],
)
async def test_an_ultravox_that_cannot_be_used_is_told_in_one_line_a_call(
    tmp_path: Path, kind: str, cause: str, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pem = self_signed(tmp_path, begins_days=-30, ends_days=-1)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem.certificate, pem.private_key)
    expired = kind == "expired certificate"
    change: dict[str, Any] = {"ultravox": {"timeout_s": 2}}
    if expired:
        change["ultravox"]["ca_file"] = str(pem.certificate)
    async with Standin(api_key="another key", tls=tls if expired else None, voice=None) as other:
        url = "http://127.0.0.1:1/api" if kind == "nobody there" else other.api_url
        async with running(tmp_path, change, api_url=url) as bridge, Phone() as phone:
            caplog.clear()
            call = await offer(phone, bridge, user="echo")
            await call.expect(503)
            outcome = (await bridge.record())["outcome"]
            await bridge.idle()
            lines = [line for line in caplog.messages if word in line]
    assert outcome["cause"] == cause
    assert word in outcome["detail"]
    assert [line for line in lines if line.startswith("= call")]
    assert not [record for record in caplog.records if record.exc_info]
    assert KEY not in caplog.text
