"""What crosses from the SIP thread: frozen values, one class an event.

    Invite ──> (our ring, progress, answer) ──> MediaNegotiated, Answered ──> Ended
    (our dial) ──> Trying? Ringing* ──> MediaNegotiated, Answered ──> Ended
    (our refer) ──> ReferProgress* ──> ReferProgress, final
    ReferRequested ──> (our notify_refer)*

``Ended`` is the last event of every leg and always comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sip.media import Address, Media, MediaAddress
from sip.message import Headers
from sip.trunk import Registration

__all__ = [
    "Answered",
    "Digit",
    "Ended",
    "Event",
    "Invite",
    "LegEvent",
    "MediaNegotiated",
    "ReferProgress",
    "ReferRequested",
    "RegistrationChanged",
    "Ringing",
    "Stranger",
    "Trying",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEvent:
    """Something happened on one leg."""

    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite(LegEvent):
    """A trunk calls; the SIP side has said 100 and holds a media address for it."""

    trunk: str
    sip_call_id: str
    request_uri: str
    from_uri: str
    from_user: str
    from_display: str
    to_uri: str
    to_user: str
    headers: Headers
    source: Address
    transport: str
    """udp, tcp or tls."""
    media: MediaAddress
    """Leased for this leg; whoever takes the event gives it back after ``Ended``."""
    offer: str = field(repr=False)
    """The caller's SDP; empty when it wants ours."""
    at: float
    """Loop time (s) at which it arrived."""
    replaces: str | None = None
    """Our leg that this call is to take the place of (RFC 3891): whoever answers it ends that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying(LegEvent):
    """The other side has our INVITE, and says no more than that: 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing(LegEvent):
    """The callee's side sent a provisional response other than 100."""

    code: int
    reason: str
    early_media: bool
    """It carried SDP. Early media is never an answer."""
    headers: Headers = field(default_factory=Headers)
    """Of that response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(LegEvent):
    """Outbound: the callee answered. Inbound: our answer was acknowledged."""

    code: int
    headers: Headers = field(default_factory=Headers)
    """Outbound: of the 2xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaNegotiated(LegEvent):
    """An offer was answered, at first or again later; comes before ``Answered``."""

    media: Media


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit(LegEvent):
    """A digit in a SIP INFO (application/dtmf-relay or application/dtmf)."""

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferProgress(LegEvent):
    """How far a transfer that we asked for has come; exactly one with ``final`` ends it."""

    code: int
    """SIP status: of the REFER itself where it was refused, else as the other side tells it;
    0 where nobody told the outcome: ``reason`` says why not."""
    reason: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferRequested(LegEvent):
    """The other side asks us to transfer it; 202 is said, ``Leg.notify_refer`` tells the rest."""

    target: str
    """Address in Refer-To, without the headers that it may carry."""
    referred_by: str
    """Referred-By (RFC 3892) as it came; empty where there is none."""
    replaces: bool | str
    """An attended transfer: the new call is to take the place of another, with its leg's id
    where that is one of ours."""
    invite_headers: Mapping[str, str]
    """What a call to ``target`` has to carry: Replaces, Referred-By."""
    headers: Headers
    """Of the REFER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(LegEvent):
    """The leg is over."""

    code: int
    """SIP status: the final one of a call never answered, 200 after a BYE; 408 and 503
    also when no response came or nothing could be sent."""
    reason: str
    q850: int | None
    """Cause in a Reason header (RFC 3326) of the other side."""
    remote: bool
    """The other side ended or refused it."""
    headers: Headers = field(default_factory=Headers)
    """Of the message that ended it, when the other side sent one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationChanged:
    """A trunk's registration came into another state."""

    registration: Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """Somebody who is no trunk was refused with 403; at most one a second for each source."""

    source: str
    method: str
    why: str
    count: int
    """Refusals of this source since the last such event."""


Event = LegEvent | RegistrationChanged | Stranger
