"""The request bodies of the REST API, checked as strictly as its OpenAPI text (2026-07-02) allows.

A field that the API does not know is an error, as is a duration such as "30m". Null is absent.
"""

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from bridge.ultravox.standin.parts import (
    Duration,
    FirstSpeakerSettings,
    InactivityMessage,
    Medium,
    Metadata,
    Part,
    Secret,
    SelectedTool,
    ToolOverrides,
    VadSettings,
)

Errors = dict[str, Any]
"""Messages by field, nested as the body is."""


class _AnyCall(Part):
    initial_messages: list[dict[str, Any]] | None = None
    metadata: Metadata | None = None
    medium: Medium | None = None
    join_timeout: Duration | None = None
    max_duration: Duration | None = None
    recording_enabled: bool | None = None
    initial_output_medium: Literal["MESSAGE_MEDIUM_VOICE", "MESSAGE_MEDIUM_TEXT"] | None = None
    first_speaker_settings: FirstSpeakerSettings | None = None
    data_connection: dict[str, Any] | None = None
    experimental_settings: dict[str, Any] | None = None
    callbacks: dict[str, Any] | None = None
    voice: str | None = None
    voice_overrides: dict[str, Any] | None = None
    retention_policy: (
        Literal["CALL_RETENTION_POLICY_RETAIN", "CALL_RETENTION_POLICY_AUTO_DELETE"] | None
    ) = None
    shared_secrets: list[Secret] | None = None


B = TypeVar("B", bound=_AnyCall)


class CallBody(_AnyCall):
    """StartCallRequest: POST /api/calls."""

    system_prompt: str | None = None
    temperature: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    model: str | None = None
    external_voice: dict[str, Any] | None = None
    language_hint: Annotated[str, StringConstraints(max_length=16)] | None = None
    time_exceeded_message: str | None = None
    inactivity_messages: list[InactivityMessage] | None = None
    selected_tools: list[SelectedTool] | None = None
    first_speaker: Literal["FIRST_SPEAKER_AGENT", "FIRST_SPEAKER_USER"] | None = None
    transcript_optional: bool | None = None
    vad_settings: VadSettings | None = None
    initial_state: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_voice(self) -> "CallBody":
        if self.voice is not None and self.external_voice is not None:
            raise ValueError("voice and externalVoice exclude each other.")
        return self


class AgentCallBody(_AnyCall):
    """StartAgentCallRequest: POST /api/agents/{id}/calls. The rest is the agent's callTemplate."""

    template_context: dict[str, Any] | None = None
    tool_overrides: ToolOverrides | None = None
    agent_id: str | None = None


class BadBody(ValueError):
    """The body is wrong; `errors` says where."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(str(errors))
        self.errors = errors


def check_call(raw: object) -> CallBody:
    """The body of POST /api/calls. Raises BadBody."""
    return _check(CallBody, raw)


def check_agent_call(raw: object) -> AgentCallBody:
    """The body of POST /api/agents/{id}/calls. Raises BadBody."""
    return _check(AgentCallBody, raw)


def _check(model: type[B], raw: object) -> B:
    if isinstance(raw, dict):
        raw = {key: value for key, value in raw.items() if value is not None}
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise BadBody(_nested(error)) from None


def _nested(error: ValidationError) -> Errors:
    errors: Errors = {}
    for found in error.errors():
        place = errors
        *parents, name = [str(key) for key in found["loc"]] or ["non_field_errors"]
        for parent in parents:
            place = place.setdefault(parent, {})
        place.setdefault(name, []).append(re.sub(r"^Value error, ", "", found["msg"]))
    return errors
