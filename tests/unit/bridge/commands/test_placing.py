import asyncio
import gc
import io
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from bridge.commands import exit_status, placing
from bridge.commands.client import Rejected
from bridge.config import Config, parse
from bridge.outbound.order import OrderBody

CONFIG = """
ultravox: {api_key: k}
trunks: {pbx: {hosts: [192.0.2.1], address: "sip:192.0.2.1"}}
agents: {a: {agent_id: a}}
routes: [{agent: a}]
"""

Event = tuple[str, dict[str, Any]]


async def told(*events: Event) -> tuple[int, list[str]]:
    """What is printed of these events, and the status they lead to."""

    async def coming() -> AsyncIterator[Event]:
        for event in events:
            yield event

    console = Console(file=io.StringIO(), soft_wrap=True)
    status = await placing._tell(coming(), console)
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue().splitlines()


def ended(result: str, cause: str, detail: str = "") -> Event:
    return "ended", {"at": 9.0, "result": result, "cause": cause, "detail": detail}


async def test_each_event_is_a_line_with_its_time() -> None:
    status, lines = await told(
        ("ringing", {"at": 0.0214}),
        ("transcript", {"at": 1.5, "role": "agent", "text": "Hello [bold]you[/bold]."}),
        ("barge-in", {"at": 2.0, "dropped_ms": 1200}),
        ("turn", {"at": 3.0, "latency_ms": 412.5}),
        ended("success", "agent-hung-up"),
    )
    assert status == 0
    assert lines == [
        "   0.021 s  ringing",
        "   1.500 s  agent: Hello [bold]you[/bold].",
        "   2.000 s  barge-in, 1200 ms of speech dropped",
        "   3.000 s  the agent answers after 412 ms",
        "   9.000 s  ended: success, agent-hung-up",
    ]


@pytest.mark.parametrize(
    ("result", "cause", "status"),
    [
        ("success", "callee-hung-up", 0),
        ("client_error", "busy", 10),
        ("client_error", "no-answer", 12),
        ("upstream_error", "unreachable", 13),
        ("upstream_error", "agent-lost", 24),
        ("indeterminate", "shutdown", 1),
    ],
)
async def test_the_end_decides_the_status(result: str, cause: str, status: int) -> None:
    assert (await told(ended(result, cause, "why")))[0] == status
    assert "(why)" in (await told(ended(result, cause, "why")))[1][0]


async def test_ctrl_c_just_after_the_end_is_no_fault() -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

    async def hang_up() -> None:
        raise Rejected(404, "no-such-call", "there is no call of that id")

    with placing._on_interrupt(hang_up):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.05)
    gc.collect()
    assert not faults


async def test_a_second_ctrl_c_does_not_wait_for_a_service_that_hangs() -> None:
    async def follow() -> None:
        with placing._on_interrupt(asyncio.Event().wait):
            await asyncio.Event().wait()

    following = asyncio.create_task(follow())
    for _ in range(2):
        await asyncio.sleep(0.05)
        assert not following.done()
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(following, 5)


async def test_events_that_stop_without_an_end_are_no_success() -> None:
    status, _ = await told(("ringing", {"at": 0.0}))
    assert status not in (0, exit_status.USAGE)


@pytest.mark.parametrize("breaks", ["at the order", "while it is followed"])
async def test_an_order_that_the_service_may_have_taken_is_not_carried_out_a_second_time(
    breaks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        if request.method == "POST" and breaks == "while it is followed":
            return web.json_response({"id": "c-1"}, status=201)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def on_our_own(*_: Any) -> int:
        raise AssertionError("the callee is called twice")

    monkeypatch.setattr(placing, "_on_our_own", on_our_own)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    async with TestServer(app) as server:
        config = parse(CONFIG + f"control: {{listen: 127.0.0.1:{server.port}, token: t}}", {})
        body = OrderBody.model_validate({"to": "1", "agent": "a"})
        console, errors = Console(file=io.StringIO()), Console(file=io.StringIO(), soft_wrap=True)
        status = await placing._place(
            config, body, key=None, wait=True, console=console, errors=errors
        )
    assert status == 1
    assert isinstance(errors.file, io.StringIO)
    assert "the call may go on" in errors.file.getvalue()


async def test_an_order_with_a_key_is_left_to_the_service_that_knows_what_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def on_our_own(*_: Any) -> int:
        raise AssertionError("nobody here knows whether it is the second one")

    async def serve(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": request.headers["Idempotency-Key"]}, status=201)

    monkeypatch.setattr(placing, "_on_our_own", on_our_own)
    app = web.Application()
    app.router.add_post("/v1/calls", serve)
    async with TestServer(app) as server:
        config = parse(CONFIG + f"control: {{listen: 127.0.0.1:{server.port}, token: t}}", {})
        assert await keyed(config) == (0, "order-7\n", "")
    status, _, errors = await keyed(config)
    assert status == 1
    assert "no service answers" in errors
    assert "--key" in errors


async def keyed(config: Config) -> tuple[int, str, str]:
    """An order with a key: its status, what is printed, what is complained of."""
    body = OrderBody.model_validate({"to": "1", "agent": "a"})
    out, errors = io.StringIO(), io.StringIO()
    status = await placing._place(
        config,
        body,
        key="order-7",
        wait=False,
        console=Console(file=out),
        errors=Console(file=errors, soft_wrap=True),
    )
    return status, out.getvalue(), errors.getvalue()


async def test_what_others_say_does_not_steer_the_terminal() -> None:
    failed = {"at": 1.0, "trunk": "a", "cause": "declined", "detail": "603 No\x1b[2J"}
    _, lines = await told(("attempt-failed", failed), ended("client_error", "declined", "\x9b2J"))
    assert lines[0].endswith(r"(603 No\x1b[2J)")
    assert lines[1].endswith(r"(\x9b2J)")
