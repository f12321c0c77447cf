"""What a SIP stack is told to do: values, which cross to its thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sip.media import MediaAddress

__all__ = [
    "Admit",
    "Command",
    "Dial",
    "HangUp",
    "Hold",
    "LegCommand",
    "NotifyRefer",
    "Probe",
    "Refer",
    "Refusal",
    "Reoffer",
    "Respond",
    "SendInfo",
    "Trust",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Call ``uri`` through a trunk."""

    leg: str
    trunk: str
    uri: str
    from_user: str
    """Empty: the trunk's own identity."""
    display: str
    media: MediaAddress
    headers: Mapping[str, str] = field(default_factory=dict)
    codecs: tuple[str, ...] = ()
    """Empty: the settings' codecs."""
    route: str = ""
    """URI of the server that it goes to; empty: wherever the trunk's leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer an inbound INVITE: 180, 183 with SDP, 200, or a refusal."""

    leg: str
    code: int
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End a leg with BYE, CANCEL or a final response, whichever fits."""

    leg: str
    code: int = 0
    """Status of a final response; 0: 480."""
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Hold the other side, or take it back, with a re-INVITE."""

    leg: str
    held: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SendInfo:
    """Send INFO in the leg's dialog (RFC 2976)."""

    leg: str
    content_type: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reoffer:
    """Offer again, with a re-INVITE; ``media``: at this address from now on."""

    leg: str
    media: MediaAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refer:
    """Ask the other side to call ``uri`` (RFC 3515)."""

    leg: str
    uri: str
    """Empty: where the replaced leg's other side says that it is."""
    replaces: str | None = None
    """Leg whose other side is to take the call in its place (RFC 3891)."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyRefer:
    """Tell the other side how far the transfer that it asked for has come."""

    leg: str
    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a new INVITE is answered with while no call is taken."""

    code: int = 503
    reason: str = "Service Unavailable"
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Refuse new INVITEs from now on, or take them again."""

    refuse: Refusal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The addresses a trunk's servers resolve to."""

    trunk: str
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Do nothing; that it was obeyed tells that the SIP side is alive."""


LegCommand = Respond | HangUp | Hold | SendInfo | Reoffer | Refer | NotifyRefer
Command = Dial | LegCommand | Admit | Trust | Probe
