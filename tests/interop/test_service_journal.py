"""What is known of calls after the service was killed, and without it."""

import contextlib
import json
import signal
from pathlib import Path
from typing import Any

from deploy.ports import free_port
from tests.support.caller import Phone
from tests.support.hook_receiver import SECRET, receiving
from tests.support.serving import command, serving
from tests.support.waiting import until

CALLS = 20
CHANGE = {"journal": {"database": "calls.db"}}


async def test_a_kill_under_calls_leaves_the_journal_whole_and_every_call_in_it(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, CHANGE) as served, Phone() as phone:
        async with phone.call(served.address, user="echo"):
            pass
        async with contextlib.AsyncExitStack() as exits:
            for _ in range(CALLS):
                await exits.enter_async_context(phone.call(served.address, user="silent"))
            alive = {each["id"] for each in await served.get("/v1/calls")}
            served.signal(signal.SIGKILL)
            assert await served.gone() == -signal.SIGKILL
            exits.pop_all()  # nobody is left to say goodbye to
    assert len(alive) == CALLS

    async with serving(tmp_path, CHANGE) as again:
        asked = ("calls", "--cause", "crashed", "--json", "-c", str(again.config))
        status, out, err = await command(*asked)
        assert (status, err) == (0, "")
        assert {each["id"] for each in _objects(out)} == alive
        shown = await again.get(f"/v1/calls/{alive.pop()}")
        assert (shown["state"], shown["outcome"]["result"]) == ("ended", "indeterminate")
    lines = _objects((tmp_path / "journal.jsonl").read_text())
    causes = [each["outcome"]["cause"] for each in lines]
    assert causes == ["caller-hung-up"] + ["crashed"] * CALLS
    # Nobody serves any more: straight from the file.
    status, out, err = await command("calls", "--since=1h", "--json", "-c", str(again.config))
    assert (status, err) == (0, "")
    assert len(_objects(out)) == CALLS + 1


async def test_what_a_webhook_was_not_told_before_a_kill_it_is_told_after_the_next_start(
    tmp_path: Path,
) -> None:
    port = free_port()
    hook = {"url": f"http://127.0.0.1:{port}/hook", "secret": SECRET}
    change = {**CHANGE, "webhooks": [hook]}
    async with (
        receiving(port, hang=True) as receiver,
        serving(tmp_path, change) as served,
        Phone() as phone,
        contextlib.AsyncExitStack() as exits,
    ):
        async with phone.call(served.address, user="echo"):
            (over,) = await served.get("/v1/calls")
        await until(lambda: bool(receiver.tries))
        await exits.enter_async_context(phone.call(served.address, user="echo"))
        (alive,) = await served.get("/v1/calls")
        while (await served.metrics())["bridge_journal_written_total"] < 7:
            pass  # a letter that is not written yet is lost
        served.signal(signal.SIGKILL)
        await served.gone()
        exits.pop_all()
    assert receiver.taken == []

    async with receiving(port) as receiver, serving(tmp_path, change):
        await receiver.took(8)
    for call, cause in ((over, "caller-hung-up"), (alive, "crashed")):
        told = [each for each in receiver.taken if each.said["call"]["id"] == call["id"]]
        assert [each.event for each in told] == [
            *("call.started", "call.ringing", "call.answered", "call.ended")
        ]
        assert told[-1].said["call"]["outcome"]["cause"] == cause


def _objects(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines()]
