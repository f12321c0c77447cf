"""An agent's way onto a call: asked for once, joined once, left in any case."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.agents.agent import Agent, Reservation
from bridge.facts import Facts
from bridge.ultravox.messages import Message, Unknown
from bridge.ultravox.session import Session

__all__ = ["Invitation"]


class Invitation:
    """What is asked of Ultravox for one agent on one call, and the `Reservation` that comes of it.

    `rate` (Hz) is that of the agent's audio; `body` and `query` are laid over the agent's request;
    `join_url` stands instead of it.
    """

    def __init__(
        self,
        agent: Agent,
        facts: Facts,
        *,
        rate: int,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        join_url: str | None,
    ) -> None:
        self._agent = agent
        self._facts = facts
        self._rate = rate
        self._body, self._query, self._join_url = body, query, join_url
        self._reservation: Reservation | None = None

    @property
    def reserved(self) -> bool:
        """Whether its Ultravox call has been asked for."""
        return self._reservation is not None

    def reserve(self, *, ring_s: float = 0.0) -> Reservation:
        """Begin to create the Ultravox call; `ring_s` is how long a phone may ring before."""
        if self._reservation is None:
            self._reservation = self._agent.reserve(
                self._facts,
                sample_rate=self._rate,
                ring_s=ring_s,
                body=self._body,
                query=self._query,
                join_url=self._join_url,
            )
        return self._reservation

    async def created(self) -> str:
        """Wait for the Ultravox call; returns its id. Raises AgentError."""
        return (await self.reserve().created()).call_id

    async def join(
        self, *, on_audio: Callable[[bytes], None], on_message: Callable[[Message | Unknown], None]
    ) -> Session:
        """Open the session. Raises AgentError."""
        return await self.reserve().join(on_audio=on_audio, on_message=on_message)

    async def release(self) -> None:
        """Leave the Ultravox call, joined or not; nothing where it was never asked for."""
        if self._reservation is not None:
            await self._reservation.release()
