"""The smaller sections of the configuration, and the default of every key.

Agents, trunks, recordings and others have files of their own.
``deploy/bridge.yaml`` explains each key to the person who writes the file.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.configuration.endpoints import Endpoint, ListenUrl, PortRange
from bridge.configuration.failures import FailureSteps
from bridge.configuration.fields import (
    CaFile,
    Code,
    Codec,
    EndpointField,
    File,
    HttpUrl,
    IpAddress,
    ListenField,
    OutputPath,
    PortRangeField,
    PublicAddress,
    Secret,
    Text,
)
from bridge.configuration.recordings import RecordingConfig
from bridge.configuration.section import Seconds, Section, distinct

__all__ = [
    "DEFAULT_LISTEN",
    "DEFAULT_MAX_CALLS",
    "DEFAULT_PORTS",
    "AdmissionConfig",
    "ControlConfig",
    "JournalConfig",
    "LogConfig",
    "MediaConfig",
    "Route",
    "SipConfig",
    "TlsConfig",
    "ToolsConfig",
    "UltravoxConfig",
]

DEFAULT_LISTEN = (ListenUrl("udp", "0.0.0.0", 5060),)
DEFAULT_PORTS = PortRange(20000, 20999)
DEFAULT_MAX_CALLS = 100


class TlsConfig(Section):
    """Certificates of SIP over TLS. Relative paths start at the configuration file's folder."""

    certificate: File | None = None
    """PEM chain that we show, also to trunks that ask for one; needed to listen on tls://."""
    private_key: File | None = None
    """PEM key of the certificate."""
    ca_file: CaFile | None = None
    """PEM authorities that trunks are verified against; the system's where none is given."""
    verify: bool = True
    """Refuse a trunk whose certificate does not hold."""
    require_client_certificate: bool = False
    """Refuse whoever connects without one that the authorities vouch for."""


class SipConfig(Section):
    """The SIP user agent."""

    listen: Annotated[tuple[ListenField, ...], Field(min_length=1), AfterValidator(distinct)] = (
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


class OpusConfig(Section):
    """How Opus is sent."""

    bitrate: Annotated[int, Field(ge=6000, le=128_000)] = 28_000
    """Bits per second, about; less where the other side asks for less."""
    complexity: Annotated[int, Field(ge=0, le=10)] = 3
    """What the encoder spends."""


class AdmissionConfig(Section):
    """When one more call would hurt those alive, and is answered 503; 0 is no limit."""

    max_late_ms: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 4.0
    """By which audio may be late, on average over a second."""
    max_busy_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 85.0
    """Of a core, used by the thread that carries the audio."""


class MediaConfig(Section):
    """RTP."""

    ports: PortRangeField = DEFAULT_PORTS
    bind_address: IpAddress = "0.0.0.0"
    """IP address that RTP is received on."""
    codecs: Annotated[tuple[Codec, ...], Field(min_length=1), AfterValidator(distinct)] = (
        "opus",
        "G722",
        "PCMU",
        "PCMA",
    )
    """In order of preference."""
    opus: OpusConfig = OpusConfig()
    comfort_noise: Literal["off", "answer", "offer"] = "answer"
    """Whether silence may be comfort noise (RFC 3389): never, where it is offered, and by us."""
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
    ca_file: CaFile | None = None
    """PEM authorities instead of the system's, for a proxy or a stand-in."""
    end_reasons: bool = True
    """Ask, after each call, why it ended."""


class ToolsConfig(Section):
    """How agents' tools run. Those of your own run in a process beside the bridge's."""

    max_running: Annotated[int, Field(ge=1, le=10_000)] = 100
    """At once, in all calls together."""
    max_running_per_call: Annotated[int, Field(ge=1, le=100)] = 4
    threads: Annotated[int, Field(ge=1, le=1000)] = 32
    """For plain functions."""
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """For functions that say `@tool(process=True)`."""


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
    recording: RecordingConfig | None = None
    """How calls of this route are recorded, instead of as the agent says."""
    scenario: Code | None = None
    """Python code that lives the call, instead of the agent's own."""
    on_agent_failure: FailureSteps | None = None
    """What is tried, in turn, where the agent cannot be had or is lost; instead of the agent's."""


class ControlConfig(Section):
    """The HTTP control API."""

    listen: EndpointField | None = Endpoint("127.0.0.1", 8080)
    """None turns it off."""
    token: Secret | None = None
    """Bearer token; without one nothing can be changed through the API."""


class JournalConfig(Section):
    """What is kept of calls: a JSON line for each that ended, a row for each that began."""

    path: OutputPath | None = None
    """The file of JSON lines; None keeps none."""
    database: OutputPath | None = None
    """The SQLite database; None keeps none."""
    keep_days: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 90.0
    """Age at which calls leave the database; 0 never."""
    keep_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1000.0
    """Size at which the oldest calls leave the database; 0 without limit."""
    transcripts: bool = True
    """Write down what was said."""


class LogConfig(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
