"""The sections of the configuration, and the default of every key.

``deploy/bridge.yaml`` explains each key to the person who writes the file.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from bridge.endpoints import Endpoint, ListenUrl, PortRange
from bridge.fields import (
    Codec,
    EndpointField,
    File,
    Host,
    HttpUrl,
    IpAddress,
    ListenField,
    MetadataKey,
    OutputPath,
    PortRangeField,
    PublicAddress,
    Secret,
    SipUri,
    Text,
)

__all__ = [
    "DEFAULT_LISTEN",
    "DEFAULT_MAX_CALLS",
    "DEFAULT_PORTS",
    "AgentConfig",
    "ControlConfig",
    "JournalConfig",
    "LogConfig",
    "MediaConfig",
    "Route",
    "Section",
    "SipConfig",
    "TlsConfig",
    "TrunkConfig",
    "UltravoxConfig",
]

DEFAULT_LISTEN = (ListenUrl("udp", "0.0.0.0", 5060),)
DEFAULT_PORTS = PortRange(20000, 20999)
DEFAULT_MAX_CALLS = 100

Item = TypeVar("Item")

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _distinct(values: tuple[Item, ...]) -> tuple[Item, ...]:
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"has {value} twice")
    return values


class Section(BaseModel):
    """Part of the configuration: frozen, and every key known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class TlsConfig(Section):
    """Certificates of SIP over TLS. Relative paths start at the configuration file's folder."""

    certificate: File | None = None
    """PEM chain that we show; needed to listen on tls://."""
    private_key: File | None = None
    """PEM key of the certificate."""
    ca_file: File | None = None
    """PEM authorities that trunks are verified against; the system's where none is given."""
    verify: bool = True
    """Refuse a trunk whose certificate does not hold."""


class SipConfig(Section):
    """The SIP user agent."""

    listen: Annotated[tuple[ListenField, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        DEFAULT_LISTEN
    )
    """Where SIP is received, most wanted first."""
    public_address: PublicAddress = "auto"
    """What we write into SIP and SDP: auto, an IP address, or stun:host:port."""
    nameservers: tuple[IpAddress, ...] = ()
    """DNS servers asked for SRV and A records of trunks; none asks the system, without SRV."""
    tls: TlsConfig = TlsConfig()
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = DEFAULT_MAX_CALLS
    """Calls at once; one more is answered 503."""
    user_agent: Text = "uvbridge"
    """User-Agent and Server header."""
    session_expires_s: Annotated[int, Field(ge=90, le=86_400)] = 1800
    """Session timer that we ask for (RFC 4028; 90 is its minimum)."""
    drain_timeout_s: Seconds = 600.0
    """How long calls may go on after SIGTERM."""


class MediaConfig(Section):
    """RTP."""

    ports: PortRangeField = DEFAULT_PORTS
    bind_address: IpAddress = "0.0.0.0"
    """IP address that RTP is received on."""
    codecs: Annotated[tuple[Codec, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        "opus",
        "G722",
        "PCMU",
        "PCMA",
    )
    """In order of preference."""
    jitter_max_ms: Annotated[int, Field(ge=20, le=1000)] = 60
    """The longest a missing packet is waited for."""
    rtp_timeout_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    """Silence on the wire that ends a call, unless it is held; 0 never."""
    farewell_s: Seconds = 30.0
    """The longest speech still played after the agent's side closed."""


class UltravoxConfig(Section):
    """Ultravox's REST API."""

    api_url: HttpUrl = "https://api.ultravox.ai/api"
    api_key: Secret | None = None
    timeout_s: Seconds = 10.0
    """How long the creation of a call may take, all tries together: a phone is ringing."""
    ca_file: File | None = None
    """PEM authorities instead of the system's, for a proxy or a stand-in."""


class TrunkConfig(Section):
    """A carrier or PBX: registered with, or known by address, or both."""

    registrar: SipUri | None = None
    username: Text = ""
    auth_username: Text = ""
    """User of the digest, where it is not `username`."""
    password: Secret | None = None
    realm: Text = "*"
    """Only challenges of this realm are answered; * answers any."""
    from_user: Text = ""
    """User part of From, where it is not `username`."""
    domain: Text = ""
    """Host part of From, where it is not the registrar's."""
    caller_id: Text = ""
    """The number shown to those we call, where an order gives none."""
    outbound_proxy: SipUri | None = None
    hosts: tuple[Host, ...] = ()
    """Addresses, networks and names that calls are taken from."""
    address: SipUri | None = None
    """Where our calls go, where not to the registrar or the single host."""
    expires_s: Annotated[int, Field(ge=60, le=86_400)] = 300
    """Registration lifetime that we ask for."""
    ring_timeout_s: Seconds = 60.0
    """How long a call that we place may ring."""
    srtp: Literal["off", "optional", "required"] = "off"
    """Encryption of RTP with keys from SDP (RFC 4568)."""
    dtmf_out: Literal["auto", "rtp", "info", "inband"] = "auto"
    """How digits are sent: by itself, as telephone-event, by SIP INFO, or as tones."""


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
    tools: Annotated[tuple[Literal["hang_up", "send_dtmf"], ...], AfterValidator(_distinct)] = ()
    """Tools of the bridge that the agent is offered."""
    sample_rate: Literal[8000, 16000, 48000] | None = None
    """Hz of the agent's audio; None is the codec's own, so that nothing is resampled."""
    dtmf: DtmfConfig = DtmfConfig()


class Route(Section):
    """One rule: all that it names must match. `*` stands for any text, `?` for one character."""

    trunk: Text | None = None
    to: Text | None = None
    """User part of To."""
    from_: Annotated[Text | None, Field(alias="from")] = None
    """User part of From."""
    header: dict[str, Text] = Field(default_factory=dict)
    """SIP headers by name, whatever its case."""
    agent: Text


class ControlConfig(Section):
    """The HTTP control API."""

    listen: EndpointField | None = Endpoint("127.0.0.1", 8080)
    """None turns it off."""
    token: Secret | None = None
    """Bearer token; without one nothing can be changed through the API."""


class JournalConfig(Section):
    """One JSON line for each call that ended."""

    path: OutputPath | None = None
    """None keeps no journal."""
    transcripts: bool = True
    """Write down what was said."""


class LogConfig(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
