"""What a tool is given of the call that it was used in, where it asks for it.

A parameter annotated `ToolContext` gets one; the agent is not offered that parameter.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bridge.tools.answers import Urgency

__all__ = ["Channel", "ToolContext"]


class Channel(Protocol):
    """The way back to the call."""

    def ask(self, what: str, **values: Any) -> None:
        """Have something done, and wait for it. Raises ToolError where it cannot be."""

    async def request(self, what: str, **values: Any) -> Any:
        """The same, for what takes its time."""

    def follow(self, work: Awaitable[Any], urgency: Urgency) -> None:
        """Tell the agent what `work` comes to, unless the call ends before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """A call, as a tool sees it.

    All texts are as they were when the tool was called. Methods raise ToolError where the call is
    in no state for them, or over.
    """

    id: str
    direction: str
    """inbound or outbound."""
    trunk: str
    agent: str
    caller: str
    caller_name: str = ""
    callee: str
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The SIP headers of the INVITE, in lower case."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the order of an outbound call gave with it."""
    transcript: tuple[Mapping[str, Any], ...] = ()
    """What was said so far: {"role": "user" or "agent", "text": …}."""
    channel: Channel = field(repr=False)

    def press(self, digits: str, *, duration_ms: int = 100, pause_ms: int = 100) -> None:
        """Press keys for the other party: 0-9 * # A-D, `w` waits half a second, `,` two."""
        self.channel.ask("press", digits=digits, duration_ms=duration_ms, pause_ms=pause_ms)

    def tell(self, text: str, urgency: Urgency = "soon") -> None:
        """Tell the agent something as if the caller had said it."""
        self.channel.ask("tell", text=text, urgency=urgency)

    def later(self, work: str | Awaitable[Any], urgency: Urgency = "soon") -> None:
        """Tell the agent what `work` comes to when it is done; what is a text is told at once.

        To be used where an answer takes longer than the agent can wait: return something such as
        "I am looking that up", and the rest comes later. An awaitable ends with its call.
        """
        if isinstance(work, str):
            self.tell(work, urgency)
        else:
            self.channel.follow(work, urgency)

    def take_message(self, text: str, caller: str = "") -> None:
        """Keep a message with the call: in its journal record, and as an event."""
        self.channel.ask("take_message", text=text, caller=caller)

    async def hold(self) -> None:
        """Park the other party: it hears nothing of the agent, nor the agent of it."""
        await self.channel.request("hold")

    async def resume(self) -> None:
        """Take the other party back."""
        await self.channel.request("resume")

    async def collect_digits(self, count: int, *, end: str = "#", timeout_s: float = 10.0) -> str:
        """Wait for the next digits of the caller, which the agent is then not told of.

        Ends with `count` digits, with the key `end` (not returned; empty for none), or when
        `timeout_s` seconds have passed; returns what there is.
        """
        return str(await self.channel.request("collect", count=count, end=end, timeout_s=timeout_s))
