import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from rich.console import Console

from bridge.commands import exit_status, placing

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


async def test_events_that_stop_without_an_end_are_no_success() -> None:
    status, _ = await told(("ringing", {"at": 0.0}))
    assert status not in (0, exit_status.USAGE)
