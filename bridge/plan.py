"""How a call is to be lived, as far as that is settled before it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.agents.agent import Agent
from bridge.config import Config, Route
from bridge.configuration.failures import FailureStep
from bridge.configuration.recordings import RecordingConfig

__all__ = ["Limits", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The times that bound a call, in seconds."""

    rtp_timeout_s: float
    """Silence on the wire after which an answered call ends, unless held; 0 never."""
    ring_timeout_s: float
    """How long an outbound call may ring."""
    drain_s: float
    """The longest farewell still played after the agent's socket closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What configuration, route and order say of one call."""

    agent: Agent
    """Whom the route or the order named."""
    agents: Mapping[str, Agent]
    """All who may come into it, by name."""
    rate: int
    """Hz of all its audio."""
    limits: Limits
    recording: RecordingConfig
    failure_steps: Sequence[FailureStep] = ()
    """What is tried where an agent cannot be had or is lost."""

    @classmethod
    def settled(
        cls,
        config: Config,
        agent: Agent,
        agents: Mapping[str, Agent],
        *,
        codec_rate: int,
        ring_timeout_s: float = 0.0,
        route: Route | None = None,
    ) -> "Plan":
        """As the configuration says; what the route says goes before what the agent does.

        `codec_rate` is that of the first party's codec, Hz.
        """
        media, own = config.media, agent.config
        recording = route.recording if route is not None else None
        steps = route.on_agent_failure if route is not None else None
        return cls(
            agent=agent,
            agents=agents,
            rate=own.sample_rate or codec_rate,
            limits=Limits(
                rtp_timeout_s=media.rtp_timeout_s,
                ring_timeout_s=ring_timeout_s,
                drain_s=media.farewell_s,
            ),
            recording=recording or own.recording,
            failure_steps=own.on_agent_failure if steps is None else steps,
        )
