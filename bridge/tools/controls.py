"""What a tool may have done to its call, whatever carries the call out."""

from collections.abc import Mapping
from typing import Any, Protocol

from bridge.dial_policy import Destination
from bridge.facts import Facts
from bridge.ultravox.messages import Urgency
from rtp.dtmf import EVENLY, Rhythm

__all__ = ["Controls", "obey"]


class Controls(Protocol):
    """A call. Methods raise NotNow where it is in no state for them, ValueError for bad values."""

    @property
    def facts(self) -> Facts:
        """Who, whom, and where from."""

    def transcript(self) -> list[dict[str, Any]]:
        """What was said so far."""

    def press(self, digits: str, rhythm: Rhythm = EVENLY) -> None:
        """Press digits for the other party."""

    def tell_agent(self, text: str, urgency: Urgency | None) -> None:
        """Tell the agent something as if the caller had."""

    def take_message(self, text: str, caller: str) -> None:
        """Keep a message with the call."""

    async def park(self) -> None:
        """Hold the other party. Raises SipError as well."""

    async def unpark(self) -> None:
        """Take the other party back. Raises SipError as well."""

    async def collect(self, count: int, *, end: str, timeout_s: float) -> str:
        """The next digits of the caller, of which the agent is not told otherwise."""

    async def transfer(self, destination: Destination, summary: str) -> str:
        """Begin to transfer the other party; returns what the agent is to know of it.

        Whom it is transferred to is told the `summary` first, where they are told anything.
        """


async def obey(controls: Controls, what: str, values: Mapping[str, Any]) -> Any:
    """Do what a tool in another process asks for. Raises as the methods of `Controls` do."""
    match what:
        case "press":
            rhythm = Rhythm(tone_ms=values["duration_ms"], pause_ms=values["pause_ms"])
            controls.press(values["digits"], rhythm)
        case "tell":
            controls.tell_agent(values["text"], Urgency(values["urgency"]))
        case "take_message":
            controls.take_message(values["text"], values["caller"])
        case "hold":
            await controls.park()
        case "resume":
            await controls.unpark()
        case "collect":
            return await controls.collect(
                values["count"], end=values["end"], timeout_s=values["timeout_s"]
            )
        case _:
            raise ValueError(f"a call cannot {what}")
    return None
