"""The section of the configuration about limits that several bridges share."""

from typing import Annotated, Literal

from pydantic import Field

from bridge.configuration.fields import Name, Secret, Text
from bridge.configuration.section import Section

__all__ = ["SharedConfig"]

Places = Annotated[int, Field(ge=1)]


class SharedConfig(Section):
    """How many calls trunks and agents have over all bridges that name the same Redis."""

    redis: Secret | None = None
    """redis://, rediss:// or unix:// URL; None: every bridge goes by its own limits."""
    prefix: Annotated[Text, Field(min_length=1)] = "uvbridge"
    """Begins the keys; bridges with another one share nothing with these."""
    lease_s: Annotated[int, Field(ge=3, le=3600)] = 30
    """After which the calls of a bridge that was killed are given back."""
    timeout_ms: Annotated[int, Field(ge=10, le=2000)] = 200
    """The longest that setting up a call waits for Redis."""
    without: Literal["local", "refuse"] = "local"
    """What becomes of calls while Redis cannot be reached."""
    trunks: dict[Name, Places] = Field(default_factory=dict)
    """Legs of both directions at which no more are placed."""
    agents: dict[Name, Places] = Field(default_factory=dict)
    """Calls at which an agent takes no more."""
