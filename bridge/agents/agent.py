"""An agent of the configuration, and the Ultravox call that puts it on a telephone call."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from bridge.background import Background
from bridge.config import AgentConfig
from bridge.configuration.templates import fill
from bridge.errors import AgentRefused
from bridge.facts import Facts
from bridge.tools.definition import offer
from bridge.tools.workshop import Workbench
from bridge.ultravox.answers import Created
from bridge.ultravox.api import Api, with_medium
from bridge.ultravox.messages import Message, Unknown
from bridge.ultravox.session import Session, leave

__all__ = ["Agent", "Reservation"]

log = logging.getLogger("bridge.agent")

JOIN_MARGIN_S = 15
"""Added to the ring timeout to make an outbound call's joinTimeout."""


class Agent:
    """One entry of `agents`: knows how to ask Ultravox for a call of its kind."""

    def __init__(
        self,
        name: str,
        config: AgentConfig,
        *,
        api: Api,
        background: Background,
        tls: ssl.SSLContext | None = None,
        bench: Workbench | None = None,
    ) -> None:
        """Without a `bench` the agent has the bridge's own tools, as far as it is given any."""
        self.name = name
        self.config = config
        self.bench = bench or Workbench.plain(config)
        self._api = api
        self._background = background
        self._tls = tls

    def reserve(
        self,
        facts: Facts,
        *,
        sample_rate: int,
        ring_s: float = 0.0,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        join_url: str | None = None,
    ) -> "Reservation":
        """Start creating the Ultravox call for a telephone call.

        `sample_rate` (Hz) is what both directions of its audio will have; `ring_s` is how long
        a phone may ring before the agent is joined. `body` and `query` are laid over the
        configured ones. With a `join_url` that call is taken, and none created.
        """
        if join_url is None and self.config.join_url is not None:
            join_url = fill(self.config.join_url.get_secret_value(), facts)
        creation = asyncio.get_running_loop().create_task(
            _given(join_url)
            if join_url is not None
            else self._create(facts, sample_rate, ring_s, body or {}, query or {}),
            name=f"{facts.id} create {self.name}",
        )
        return Reservation(creation, name=facts.id, background=self._background, tls=self._tls)

    async def _create(
        self,
        facts: Facts,
        sample_rate: int,
        ring_s: float,
        body: Mapping[str, Any],
        query: Mapping[str, str],
    ) -> Created:
        whole_query = {**self.query(facts), **query}
        if "priorCallId" in query:  # all the rest is inherited from that call
            body = with_medium(body, sample_rate=sample_rate)
            return await self._api.create_call(body, whole_query)
        whole = {**self.request(facts, sample_rate=sample_rate, ring_s=ring_s), **body}
        if self.config.agent_id is not None:
            return await self._api.create_agent_call(self.config.agent_id, whole, whole_query)
        return await self._api.create_call(whole, whole_query)

    def query(self, facts: Facts) -> dict[str, str]:
        """The query of the creating POST, filled in for this call, without what came to nothing."""
        return {key: text for key, text in fill(self.config.query, facts).items() if text}

    def request(self, facts: Facts, *, sample_rate: int, ring_s: float = 0.0) -> dict[str, Any]:
        """The body of the creating POST: the configured one, filled in for this call."""
        config, agent_call = self.config, self.config.agent_id is not None
        body = fill(config.body if agent_call else config.call or {}, facts)
        if agent_call and (config.variables or facts.variables):
            body["templateContext"] = {
                **body.get("templateContext", {}),
                **fill(config.variables, facts),
                **facts.variables,
            }
        if config.metadata:
            body["metadata"] = {**body.get("metadata", {}), **fill(config.metadata, facts)}
        if ring_s:
            body.setdefault("joinTimeout", f"{ring_s + JOIN_MARGIN_S:.3f}s")
        body = offer(body, self.bench.definitions, agent_call=agent_call)
        return with_medium(body, sample_rate=sample_rate)


async def _given(join_url: str) -> Created:
    """A call that somebody else created. Raises AgentRefused where the URL cannot be joined."""
    if not join_url.startswith(("ws://", "wss://")):
        raise AgentRefused("join_url came to nothing that can be joined: it is no ws address")
    return Created(call_id="", join_url=join_url, raw={})


class Reservation:
    """An Ultravox call in the making: created once, joined once, never left hanging."""

    def __init__(
        self,
        creation: asyncio.Task[Created],
        *,
        name: str,
        background: Background,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._creation = creation
        self._name = name
        self._background = background
        self._tls = tls
        self._session: Session | None = None

    async def created(self) -> Created:
        """Wait for the Ultravox call.

        Raises AgentError as the API does.
        """
        return await asyncio.shield(self._creation)

    async def join(
        self, *, on_audio: Callable[[bytes], None], on_message: Callable[[Message | Unknown], None]
    ) -> Session:
        """Open the session.

        Raises AgentError when it does not open.
        """
        created = await self.created()
        self._session = await Session.join(
            created.join_url,
            on_audio=on_audio,
            on_message=on_message,
            tls=self._tls,
            name=self._name,
        )
        return self._session

    async def release(self) -> None:
        """Close the session; an Ultravox call that nobody joined is left in the background."""
        if self._session is not None:
            await self._session.close()
        elif not self._creation.done():
            # The API client sees to a call that its cancelled request may still have created.
            self._creation.cancel()
        elif not self._creation.cancelled() and self._creation.exception() is None:
            left = leave(self._creation.result().join_url, tls=self._tls)
            self._background.spawn(left, name=f"leave {self._creation.get_name()}")
