"""The call that an agent is on, seen from the agent."""

from typing import TYPE_CHECKING, Protocol

from bridge import happenings
from bridge.tools.controls import Controls

if TYPE_CHECKING:
    from bridge.agents.talk import Talk

__all__ = ["OnCall"]


class OnCall(Protocol):
    """A call, as far as its agents have to do with it."""

    @property
    def controls(self) -> Controls:
        """What its tools may have done to it."""

    def note(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call that something happened."""

    def pass_on(self, kind: str, **fields: object) -> None:
        """Tell those who follow the call just now."""

    def announce(self, event: happenings.Event) -> None:
        """Tell the scenario that something happened."""

    @property
    def age(self) -> float:
        """Seconds since the call began."""

    def clear(self, talk: "Talk") -> float:
        """Drop what the agent said and nobody heard; returns how many milliseconds."""

    def playing(self) -> tuple[float, float]:
        """Seconds of speech that the first party was sent, and seconds that wait to be."""
