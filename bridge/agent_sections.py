"""The sections of the configuration that describe an agent, and the default of every key."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from bridge.fields import MetadataKey, Secret, Text
from bridge.recording_sections import RecordingConfig
from bridge.section import Section, distinct

__all__ = ["AgentConfig", "DtmfConfig"]


class DtmfConfig(Section):
    """What an agent is told of the digits that its caller presses."""

    to_agent: bool = True
    text: Text = "The caller pressed {digits} on the telephone."
    """What the agent reads; {digits} stands for the digits."""
    urgency: Literal["immediate", "soon", "later"] = "immediate"
    """When it acts on them: now, at its next chance, or when it next speaks."""
    pause_ms: Annotated[int, Field(ge=0, le=10_000)] = 800
    """Digits closer together than this are told together."""
    hide: bool = False
    """Keep digits out of events and journal: they are only counted, and no text that the agent
    was told in writing is kept in the transcript."""


class AgentConfig(Section):
    """A voice agent: exactly one of `agent_id`, `call` and `join_url` says which.

    Texts in it may hold the placeholders of `bridge.templates`.
    """

    agent_id: Text | None = None
    """A stored agent of the account (CREATE_AGENT_CALL)."""
    call: Annotated[dict[str, JsonValue] | None, Field(repr=False)] = None
    """The body of POST /calls, passed through (CREATE_CALL)."""
    join_url: Secret | None = None
    """A call that exists already (JOIN_CALL)."""
    variables: dict[str, JsonValue] = Field(default_factory=dict)
    """The agent's templateContext; with `agent_id` only."""
    body: Annotated[dict[str, JsonValue], Field(repr=False)] = Field(default_factory=dict)
    """Further keys of the agent call's body; with `agent_id` only."""
    query: dict[str, Text] = Field(default_factory=dict)
    """Query parameters of the request: priorCallId, enableGreetingPrompt, throttle."""
    metadata: dict[MetadataKey, Text] = Field(default_factory=dict)
    tools: Annotated[tuple[Literal["hang_up", "send_dtmf"], ...], AfterValidator(distinct)] = ()
    """Tools of the bridge that the agent is offered."""
    sample_rate: Literal[8000, 16000, 48000] | None = None
    """Hz of the agent's audio; None is the codec's own, so that nothing is resampled."""
    dtmf: DtmfConfig = DtmfConfig()
    recording: RecordingConfig = RecordingConfig()
    greeting_guard_ms: Annotated[int, Field(ge=0, le=10_000)] = 0
    """For how long after the answer the agent hears silence, so that nobody cuts its greeting."""
