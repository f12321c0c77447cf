"""The section of the configuration that describes a trunk, and the default of every key."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.configuration.fields import CaFile, File, Host, Secret, SipUri, Text
from bridge.configuration.outbound import Codes
from bridge.configuration.section import Seconds, Section
from bridge.outbound.failover import DEFAULT_CODES
from bridge.outbound.numbers import Format as NumberFormat
from bridge.outbound.numbers import check_country

__all__ = ["TrunkConfig", "TrunkTlsConfig"]


class TrunkTlsConfig(Section):
    """TLS towards one trunk, where it differs from `sip.tls`; None is as there."""

    certificate: File | None = None
    """PEM chain that we show when the trunk asks who we are."""
    private_key: File | None = None
    ca_file: CaFile | None = None
    verify: bool | None = None


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
    trying_timeout_s: Seconds = 8.0
    """How long the trunk may say nothing at all to a call that we place."""
    failover_codes: Codes = DEFAULT_CODES
    """Statuses after which a call that we place is tried through the next trunk."""
    calls_per_second: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.0
    """Pace of calls that we place; 0 is no limit."""
    max_calls: Annotated[int, Field(ge=0)] = 0
    """Calls of both directions at which no more are placed; 0 is no limit."""
    country: Annotated[Text, AfterValidator(check_country)] = ""
    """ISO 3166 code of the country whose national numbers orders may give."""
    number_format: NumberFormat = "as_given"
    """How the trunk wants numbers."""
    srtp: Literal["off", "optional", "required"] = "off"
    """Encryption of RTP with keys from SDP (RFC 4568)."""
    tls: TrunkTlsConfig = TrunkTlsConfig()
    gain_in_db: Annotated[float, Field(ge=-40, le=40)] = 0.0
    """Of what is heard from there; 0 leaves it bit for bit."""
    gain_out_db: Annotated[float, Field(ge=-40, le=40)] = 0.0
    """Of what is said to there."""
    accept_refer: bool = False
    """Its REFERs are followed: whom it names is called, and takes its place (RFC 3515)."""
    accept_replaces: bool = False
    """Its INVITEs may take the place of calls that are up (RFC 3891)."""
    dtmf_out: Literal["auto", "rtp", "info", "inband"] = "auto"
    """How digits are sent: by itself, as telephone-event, by SIP INFO, or as tones."""
