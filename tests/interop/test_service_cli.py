"""The command line against a running service, and on its own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.ports import free_port
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.service import KEY, TOKEN
from tests.support.serving import Serving, command, serving
from tests.support.waiting import PATIENCE_S, until

AWAY = {"hosts": ["127.0.0.8"]}


@pytest.fixture
async def callee() -> AsyncIterator[Phone]:
    async with Phone(host="127.0.0.2") as phone:
        yield phone


def towards(callee: Phone, **trunk: Any) -> dict[str, Any]:
    """A configuration whose trunks lead to that telephone."""
    address = f"sip:{callee.address[0]}:{callee.address[1]}"
    return {
        "trunks": {
            "pbx": {"address": address},
            "quick": {**AWAY, "address": address, "ring_timeout_s": 0.3},
            "dead": {**AWAY, "address": "sip:127.0.0.2:5971;transport=tcp"},
        },
        "routes": [{"agent": "echo"}],
    }


async def refuse(callee: Phone, status: str) -> None:
    """Be called and say no."""
    call = await callee.called()
    assert call.invite is not None
    call.reply(call.invite, "180 Ringing")
    call.reply(call.invite, status)
    await call.expect("ACK")


async def ring_out(callee: Phone) -> None:
    """Be called and let it ring until the caller gives up."""
    call = await callee.called()
    assert call.invite is not None
    call.reply(call.invite, "180 Ringing")
    cancel = await call.expect("CANCEL")
    call.reply(cancel, "200 OK")
    call.reply(call.invite, "487 Request Terminated")
    await call.expect("ACK")


async def answer(callee: Phone, line: Line) -> SipCall:
    """Be called and answer."""
    call = await callee.called()
    assert call.invite is not None
    call.reply(call.invite, "180 Ringing")
    call.reply(call.invite, "200 OK", body=describe(line))
    line.talk(call.invite.media)
    await call.expect("ACK")
    return call


def calling(served: Serving, *words: str) -> "asyncio.Task[tuple[int, str, str]]":
    """`uvbridge call` beside the test."""
    return asyncio.create_task(command("call", *words, "-c", str(served.config)))


async def test_call_follows_a_call_through_the_service_and_its_status_tells_the_end(
    tmp_path: Path, callee: Phone
) -> None:
    async with serving(tmp_path, towards(callee)) as served, Line() as line:
        running = calling(served, "+15550100", "--agent=tool-user", "--trunk=pbx", "--wait")
        call = await answer(callee, line)
        await call.ended()
        status, out, err = await running
        assert (status, err) == (0, "")
        words = ["ringing", "answered", "agent: Hello.", "agent: Bye.", "success, agent-hung-up"]
        positions = [out.find(word) for word in words]
        assert -1 not in positions, out
        assert positions == sorted(positions)

        dead = calling(served, "1", "--agent=echo", "--trunk=dead", "--wait")
        running = calling(served, "1", "--agent=echo", "--trunk=pbx", "--wait")
        await refuse(callee, "603 Decline")
        status, out, _ = await running
        assert (status, "declined" in out) == (11, True)
        running = calling(served, "1", "--agent=echo", "--trunk=quick", "--wait")
        await ring_out(callee)
        status, out, _ = await running
        assert (status, "no-answer" in out) == (12, True)
        status, out, _ = await dead
        assert (status, "unreachable" in out) == (13, True)
        assert "Traceback" not in served.log


async def test_what_the_service_refuses_to_place_is_told_in_one_line(
    tmp_path: Path, callee: Phone
) -> None:
    async with serving(tmp_path, towards(callee)) as served:
        orders = (
            calling(served, "1", "--agent=nobody", "--trunk=pbx"),
            calling(served, "1", "--agent=echo"),
            calling(served, "1", "--agent=echo", "--var", "no-equals-sign"),
        )
        said = await asyncio.gather(*orders)
        assert [status for status, _, _ in said] == [2, 2, 2]
        for (_, out, err), word in zip(
            said, ("nobody", "several trunks", "name=value"), strict=True
        ):
            assert out == ""
            assert len(err.strip().splitlines()) == 1
            assert word in err


async def test_without_waiting_call_prints_the_id_that_the_other_commands_take(
    tmp_path: Path, callee: Phone
) -> None:
    async with serving(tmp_path, towards(callee)) as served, Line() as line:
        running = calling(served, "+15550100", "--agent=silent", "--trunk=pbx")
        call = await answer(callee, line)
        status, out, _ = await running
        call_id = out.strip()
        assert status == 0
        config = ("-c", str(served.config))
        shown, trunks = await asyncio.gather(command("calls", *config), command("trunks", *config))
        assert shown[0] == trunks[0] == 0
        assert call_id in shown[1]
        assert "answered" in shown[1]
        assert "+15550100" in shown[1]
        assert all(name in trunks[1] for name in ("pbx", "quick", "dead"))
        assert (await command("hangup", call_id, *config))[0] == 0
        await call.ended()
        for wrong in (call_id, "x/../../drain?"):
            status, _, err = await command("hangup", wrong, *config)
            assert (status, len(err.strip().splitlines())) == (1, 1)
        status, _, _ = await command("call", "1", "--agent=nobody", *config)
        assert status == 2, "it drains"


async def test_ctrl_c_hangs_the_followed_call_up_and_still_tells_its_end(
    tmp_path: Path, callee: Phone
) -> None:
    async with serving(tmp_path, towards(callee)) as served, Line() as line:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "call", "1", "--agent=silent", "--trunk=pbx"),
            *("--wait", "-c", str(served.config)),
            stdout=asyncio.subprocess.PIPE,
        )
        call = await answer(callee, line)
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while b"answered" not in await process.stdout.readline():
                pass
        process.send_signal(signal.SIGINT)
        await call.ended()
        rest = (await process.stdout.read()).decode()
        assert "operator-hung-up" in rest
        assert await process.wait() == 0


async def test_call_works_without_a_service_even_while_its_sip_port_is_taken(
    tmp_path: Path, callee: Phone
) -> None:
    async with serving(tmp_path, towards(callee)) as served, Line() as line:
        alone = yaml.safe_load(served.config.read_text())
        alone["control"]["listen"] = f"127.0.0.1:{free_port()}"
        file = tmp_path / "alone.yaml"
        file.write_text(yaml.safe_dump(alone))
        words = ("call", "1", "--trunk=pbx", "-c", str(file))
        running = asyncio.create_task(command(*words, "--agent=tool-user"))
        call = await answer(callee, line)
        await call.ended()
        status, out, err = await running
        assert status == 0, err
        assert "agent: Hello." in out
        assert "agent-hung-up" in out
        running = asyncio.create_task(command(*words, "--agent=echo"))
        await refuse(callee, "486 Busy Here")
        status, out, err = await running
        assert (status, "busy" in out) == (10, True)
        assert "Traceback" not in err
        running = asyncio.create_task(command(*words, "--agent=error-401"))
        status, out, err = await running
        assert (status, "agent-refused" in out) == (23, True)
        await until(lambda: all(each.ended for each in served.standin.calls.values()))
        for secret in (KEY, TOKEN):
            assert secret not in out + err


async def test_a_command_without_a_service_says_so_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    settings = {
        "agents": {"a": {"join_url": "wss://example.org/x"}},
        "control": {"listen": f"127.0.0.1:{free_port()}", "token": TOKEN},
        "trunks": {"pbx": {"hosts": ["127.0.0.2"]}},
    }
    file.write_text(yaml.safe_dump(settings))
    status, out, err = await command("calls", "-c", str(file))
    assert (status, out) == (1, "")
    assert err.startswith("no service answers at http://127.0.0.1:")
    assert len(err.strip().splitlines()) == 1


async def test_the_version_names_pjsip_and_its_ceiling() -> None:
    status, out, _ = await command("version")
    assert status == 0
    assert "PJSIP 2." in out
    assert "calls" in out
