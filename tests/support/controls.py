"""A call as its tools see it, which keeps what was done to it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from bridge.dial_policy import Destination
from bridge.errors import NotNow
from bridge.facts import Direction, Facts
from bridge.ultravox.messages import Urgency
from rtp.dtmf import EVENLY, Rhythm
from sip import Headers

__all__ = ["Line", "facts"]


def facts() -> Facts:
    """Those of a call."""
    return Facts(
        direction=Direction.INBOUND,
        trunk="pbx",
        caller="+4420",
        callee="1000",
        agent="reception",
        headers=Headers([("X-Account", "42")]),
        variables={"name": "Ann"},
    )


@dataclass
class Line:
    """One call; `refusal` is why nothing can be done to it, where that is so."""

    facts: Facts = field(default_factory=facts)
    done: list[tuple[Any, ...]] = field(default_factory=list)
    refusal: str = ""
    digits: str = "123"
    """What the caller enters."""

    def transcript(self) -> list[dict[str, Any]]:
        return [{"role": "user", "text": "Hello?"}]

    def press(self, digits: str, rhythm: Rhythm = EVENLY) -> None:
        self._do("press", digits, *([] if rhythm == EVENLY else [rhythm]))

    def tell_agent(self, text: str, urgency: Urgency | None) -> None:
        self._do("tell", text, urgency)

    def take_message(self, text: str, caller: str) -> None:
        self._do("message", text, caller)

    async def park(self) -> None:
        self._do("park")

    async def unpark(self) -> None:
        self._do("unpark")

    async def collect(self, count: int, *, end: str = "", timeout_s: float) -> str:
        self._do("collect", count, end, timeout_s)
        await asyncio.sleep(0)
        return self.digits[:count]

    async def transfer(self, destination: Destination, summary: str) -> str:
        self._do("transfer", destination.target, *([summary] if summary else []))
        return "They are being transferred."

    def _do(self, *what: Any) -> None:
        if self.refusal:
            raise NotNow(self.refusal)
        self.done.append(what)
