"""The call as the bridge tells it, in server-sent events, printed while it happens."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape

from bridge.commands.client import Client
from deploy.demo.processes import DemoFailed
from deploy.demo.script import Sentence

__all__ = ["BargeIn", "Line", "Story", "find_call", "follow"]

LOOK_S, LOOKING_S = 0.01, 20.0
"""How often the call is looked for, and how long: its telephone has to start first."""
_WHO = {"user": "caller", "agent": "agent"}
_COLOURS = {
    "agent": "green",
    "caller": "cyan",
    "barge-in": "bold red",
    "ended": "bold",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An utterance."""

    role: str
    text: str
    at: float
    """When it was told, seconds since the INVITE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BargeIn:
    """The caller spoke over the agent."""

    at: float
    """Seconds since the INVITE."""
    dropped_ms: float


@dataclass(slots=True, kw_only=True)
class Story:
    """What the events of one call said."""

    id: str
    lines: list[Line] = field(default_factory=list)
    barge_ins: list[BargeIn] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    outcome: tuple[str, str] | None = None
    """Result and cause; None while the call goes on."""
    began: float = float("inf")
    """The INVITE on the clock of `time.monotonic()`, as near as the quickest event told."""

    def add(self, kind: str, event: dict[str, Any], now: float) -> None:
        """Take an event that arrived at `now`."""
        at = float(event["at"])
        self.began = min(self.began, now - at)
        match kind:
            case "transcript":
                self.lines.append(Line(role=event["role"], text=event["text"], at=at))
            case "barge-in":
                self.barge_ins.append(BargeIn(at=at, dropped_ms=event["dropped_ms"]))
            case "tool":
                self.tools.append(event["name"])
            case "ended":
                self.outcome = (event["result"], event["cause"])


async def find_call(client: Client, agent: str, calls: Callable[[], None]) -> str:
    """Wait for a call to `agent`; its id. `calls` raises where the caller is gone.

    Raises DemoFailed when none comes.
    """
    until = time.monotonic() + LOOKING_S
    while time.monotonic() < until:
        calls()
        for call in await client.get("/v1/calls"):
            if call["agent"] == agent:
                return str(call["id"])
        await asyncio.sleep(LOOK_S)
    raise DemoFailed("the caller's INVITE did not become a call")


async def follow(
    client: Client, call_id: str, sentences: Iterable[Sentence], console: Console
) -> Story:
    """Follow a call to its end and print what happens. `sentences` are the caller's, in order."""
    story = Story(id=call_id)
    recorded = iter(sentences)
    async for kind, event in client.follow(call_id):
        if kind == "transcript-delta":
            continue  # the whole of it follows
        story.add(kind, event, time.monotonic())
        what = _WHO.get(event.get("role", ""), kind)
        text = escape(_told(kind, event))
        if what == "caller" and (sentence := next(recorded, None)):
            text += f"  [dim]recording: “{escape(sentence.text)}”[/]"
        colour = _COLOURS.get(what, "default")
        console.print(f"[dim]{event['at']:7.3f} s[/]  [{colour}]{what:<13}[/] {text}")
    return story


def _told(kind: str, event: dict[str, Any]) -> str:
    """What there is to say of an event."""
    match kind:
        case "ringing":
            text = "the Ultravox call is made meanwhile"
        case "transcript":
            text = event["text"]
        case "barge-in":
            text = f"{event['dropped_ms']:,} ms of queued speech dropped"
        case "turn":
            text = f"the agent answers after {event['latency_ms']:.0f} ms"
        case "tool":
            text = f"the agent uses {event['name']}"
        case "ended":
            text = f"{event['result']}: {event['cause']} {event['detail']}".rstrip()
        case _:
            text = ""
    return text
