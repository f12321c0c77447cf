"""The sections of the configuration that describe an agent, and the default of every key."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, model_validator
from pydantic_core import PydanticCustomError

from bridge.configuration.failures import FailureSteps
from bridge.configuration.fields import Code, HttpUrl, MetadataKey, Secret, Sound, Text
from bridge.configuration.mistakes import nearest
from bridge.configuration.recordings import RecordingConfig
from bridge.configuration.reference import split
from bridge.configuration.section import Seconds, Section, distinct
from bridge.dial_policy import check_pattern, check_target, folded
from bridge.outbound.headers import check_headers
from bridge.outbound.order import Trunks

__all__ = ["AgentConfig", "DtmfConfig", "McpServer", "TransferConfig"]

BUILT_IN_TOOLS = (
    "hang_up",
    "send_dtmf",
    "hold",
    "resume",
    "collect_digits",
    "take_message",
    "transfer",
)
"""Tools of the bridge, as `bridge.tools.builtin` has them."""


def _tool(value: str) -> str:
    if value in BUILT_IN_TOOLS:
        return value
    if ":" in value:
        split(value)
        return value
    raise PydanticCustomError(
        "unknown_tool",
        "{tool} is no tool of the bridge ({known}), nor package.module:name of yours",
        {
            "tool": value,
            "known": ", ".join(BUILT_IN_TOOLS),
            "nearest": nearest(value, BUILT_IN_TOOLS),
        },
    )


def _destinations(value: dict[str, str]) -> dict[str, str]:
    by_folded: dict[str, str] = {}
    for name in value:
        if (other := by_folded.setdefault(folded(name), name)) != name:
            raise ValueError(f"{other} and {name} are one name to a speaker")
    return value


McpPlace = Annotated[
    Annotated[HttpUrl, Tag("[address]")]
    | Annotated[tuple[Text, ...], Field(min_length=1), Tag("[command]")],
    Discriminator(lambda value: "[command]" if isinstance(value, list | tuple) else "[address]"),
]


class McpServer(Section):
    """A server of the Model Context Protocol, whose tools an agent is offered."""

    mcp: McpPlace
    """Its address, or the command that runs it, in words."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Sent with each request; with an address only."""
    env: dict[str, Secret] = Field(default_factory=dict)
    """Environment of the command."""
    timeout_s: Annotated[float, Field(gt=0, le=40)] = 10.0
    """How long one of its tools may take."""

    @model_validator(mode="after")
    def _fitting(self) -> "McpServer":
        if isinstance(self.mcp, str) and self.env:
            raise ValueError("env goes with a command, not with an address")
        if not isinstance(self.mcp, str) and self.headers:
            raise ValueError("headers go with an address, not with a command")
        return self

    @property
    def order(self) -> dict[str, Any]:
        """All of it as plain data, secrets included, and a `key` that no other server has."""
        plain = {
            "headers": {name: value.get_secret_value() for name, value in self.headers.items()},
            "env": {name: value.get_secret_value() for name, value in self.env.items()},
            "timeout_s": self.timeout_s,
        }
        place: Any = {"url": self.mcp} if isinstance(self.mcp, str) else {"command": [*self.mcp]}
        return {**plain, **place, "key": self.key}

    @property
    def key(self) -> str:
        """What tells it from others, with no secret in it."""
        shown = [self.mcp, self.timeout_s, hash(tuple(self.headers.items())), sorted(self.env)]
        return json.dumps(shown)


ToolSource = Annotated[
    Annotated[Text, AfterValidator(_tool), Tag("[tool]")] | Annotated[McpServer, Tag("[mcp]")],
    Discriminator(lambda value: "[mcp]" if isinstance(value, dict | McpServer) else "[tool]"),
]


class TransferConfig(Section):
    """Whom the tool `transfer` may transfer a call to. Nobody by default."""

    destinations: Annotated[
        dict[Text, Annotated[Text, AfterValidator(check_target)]], AfterValidator(_destinations)
    ] = Field(default_factory=dict)
    """Names that the agent may use, and the number or SIP address that each stands for."""
    allow: tuple[Annotated[Text, AfterValidator(check_pattern)], ...] = ()
    """Patterns of numbers and SIP addresses that the agent may give itself."""
    mode: Literal["blind", "bridged", "warm", "attended"] = "blind"
    """How: by REFER, by joined legs, the same after a word with whom is called, or both."""
    fallback: bool = True
    """Join the legs here where the other side refuses the REFER."""
    trunk: Trunks = ()
    """Through which to call, one or several; as `outbound` says, or the call's own, where none."""
    caller_id: Text = ""
    """The number shown; the trunk's own where empty."""
    headers: Annotated[dict[str, Text], AfterValidator(check_headers)] = Field(default_factory=dict)
    """SIP headers of the REFER, or of the call to there; they may hold placeholders."""
    timeout_s: Seconds = 30.0
    """How long it may ring there."""
    music: Sound | None = None
    """WAV file for the waiting caller."""
    announcement: Sound | None = None
    """WAV file that whom we call hears before the caller is joined (warm, attended)."""
    accept_key: Annotated[Text, Field(pattern="^[0-9*#A-D]?$")] = "1"
    """Key that accepts the caller; empty: whoever answers has accepted."""
    accept_timeout_s: Seconds = 15.0
    """How long the key is waited for after the announcement."""
    agent: Literal["leave", "listen"] = "leave"
    """What the agent does once the legs are joined."""


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

    Texts in it may hold the placeholders of `bridge.configuration.templates`.
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
    tools: Annotated[tuple[ToolSource, ...], AfterValidator(distinct)] = ()
    """Tools that the agent is offered: the bridge's, your functions, those of MCP servers."""
    transfer: TransferConfig = TransferConfig()
    max_calls: Annotated[int, Field(ge=0)] = 0
    """Calls at which it takes no more; 0 is no limit."""
    sample_rate: Literal[8000, 16000, 48000] | None = None
    """Hz of the agent's audio; None is the codec's own, so that nothing is resampled."""
    dtmf: DtmfConfig = DtmfConfig()
    recording: RecordingConfig = RecordingConfig()
    greeting_guard_ms: Annotated[int, Field(ge=0, le=10_000)] = 0
    """For how long after the answer the agent hears silence, so that nobody cuts its greeting."""
    hold_music: Sound | None = None
    """WAV file for a party that is held; silence where None."""
    scenario: Code | None = None
    """Python code that lives its calls, both ways; by itself the agent talks with the caller."""
    on_agent_failure: FailureSteps = ()
    """What is tried, in turn, where it cannot be had or is lost."""
