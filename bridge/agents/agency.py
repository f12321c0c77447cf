"""All agents of a service, and what they need: Ultravox's REST API, and their tools."""

import contextlib
from collections.abc import Callable, Mapping

from bridge.agents.agent import Agent
from bridge.agents.end_reasons import EndReasons
from bridge.background import Background
from bridge.call import Call
from bridge.config import Config
from bridge.opening import Opening
from bridge.tools.workshop import Workshop
from bridge.ultravox.api import Api
from bridge.ultravox.trust import trust

__all__ = ["Agency"]


class Agency(Opening):
    """Has the agents ready for calls: an async context manager.

    Raises ConfigError or HostFailed where their tools cannot be had.
    """

    def __init__(
        self,
        config: Config,
        *,
        background: Background,
        tell: Callable[[Call], None],
        observe: Callable[[float], None],
    ) -> None:
        """`tell` is told of a call that is over, once it is known why its agents' side ended.

        `observe` gets the seconds that each use of a tool took.
        """
        super().__init__()
        self.agents: Mapping[str, Agent] = {}
        """By name; none before it is entered."""
        self._config = config
        self._background = background
        self._tell = tell
        self._workshop = Workshop(config, observe=observe)
        self.tool_usage = self._workshop.usage
        """What became of the tools that agents used."""
        self._api: Api
        self._end_reasons: EndReasons | None = None

    async def _open(self, exits: contextlib.AsyncExitStack) -> None:
        config = self._config.ultravox
        # The configured authorities, or the system's.
        tls = trust(config.ca_file)
        key = config.api_key.get_secret_value() if config.api_key else ""
        self._api = await exits.enter_async_context(
            Api(config.api_url, key, deadline_s=config.timeout_s, tls=tls)
        )
        if config.end_reasons and config.api_key is not None:
            reasons = EndReasons(self._api, tell=self._tell)
            self._end_reasons = await exits.enter_async_context(reasons)
        exits.push_async_callback(self._workshop.close)
        await self._workshop.open()
        self.agents = {
            name: Agent(
                name,
                each,
                api=self._api,
                background=self._background,
                tls=tls,
                bench=self._workshop.bench(name),
            )
            for name, each in self._config.agents.items()
        }

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests to Ultravox's REST API, by status."""
        return self._api.requests

    def ended(self, call: Call) -> None:
        """A call is over: ask why its agents' side of it ended, where that is wanted."""
        if self._end_reasons is not None:
            self._end_reasons.ask(call)
