"""The seam between the asyncio face and a SIP stack: settings and commands in, events out.

Only values cross it, so that the two sides can be two threads, or two processes.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from sip.comfort_noise import ComfortNoise
from sip.crypto import SUITES
from sip.events import Event
from sip.media import MediaAddress
from sip.tls import TlsFiles
from sip.trunk import Trunk

__all__ = [
    "Admit",
    "Command",
    "Dial",
    "HangUp",
    "Hold",
    "Hooks",
    "LegCommand",
    "Listen",
    "ListenError",
    "NotifyRefer",
    "OfferPending",
    "Probe",
    "Refer",
    "Refusal",
    "Reoffer",
    "Respond",
    "SendInfo",
    "Settings",
    "SipError",
    "Stack",
    "StackStats",
    "TlsFiles",
    "Trust",
]


class SipError(Exception):
    """The SIP stack could not do what was asked."""


class OfferPending(SipError):
    """An offer of ours waits for its answer; no other can be made yet (RFC 3261 section 14.1)."""


class ListenError(SipError):
    """A listener could not be opened."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"cannot listen on {where}: {why}")
        self.where = where
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """One listening address."""

    transport: str = "udp"
    """udp, tcp or tls."""
    host: str = "0.0.0.0"
    port: int = 5060
    """0: any free one."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a new INVITE is answered with while no call is taken."""

    code: int = 503
    reason: str = "Service Unavailable"
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the SIP side needs to know before it starts."""

    listen: tuple[Listen, ...] = (Listen(),)
    trunks: tuple[Trunk, ...] = ()
    public_address: str | None = None
    """Address in our Via and Contact, where a NAT stands before us."""
    user_agent: str = "uvbridge"
    max_calls: int = 1000
    """Capped by what the PJSIP build holds."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    """By preference."""
    comfort_noise: ComfortNoise = ComfortNoise.OFF
    srtp_suites: tuple[str, ...] = tuple(SUITES)
    """That the media side can do; of these, those that the stack knows are negotiated."""
    tls: TlsFiles | None = None
    nameservers: tuple[str, ...] = ()
    """For SRV and A records, asked without blocking; empty: the system's resolver, no SRV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a stack calls, on its own thread: all fast and thread-safe."""

    emit: Callable[[Event], None]
    lease: Callable[[str], MediaAddress | None]
    """Our media address for a call with that peer; None when there is none to give."""
    unlease: Callable[[MediaAddress], None]
    """Takes back a lease whose call never became a leg."""


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


@dataclass(slots=True)
class StackStats:
    """Counters of the SIP side; written there, read anywhere."""

    invites: int = 0
    """Received, from anybody."""
    strangers: int = 0
    refused: int = 0
    """INVITEs of trunks refused on the SIP side: not admitted, or no media address."""
    rejected: int = 0
    """INVITEs the SIP stack refused by itself: malformed, nothing in common, too many."""
    dialled: int = 0
    refers_declined: int = 0
    """REFERs of trunks that may not transfer us (``Trunk.accept_refer``)."""
    replaces_declined: int = 0
    """INVITEs with Replaces of trunks that may not do that (``Trunk.accept_replaces``)."""


class Stack(Protocol):
    """A SIP stack: pjsua2 in ``sip.pjsua``, or a fake in tests."""

    stats: StackStats
    listening: tuple[Listen, ...]
    """Once started: where it really listens."""

    def start(self, settings: Settings, hooks: Hooks) -> None:
        """Open the listeners and start to register. Blocks; raises ListenError, SipError."""

    def submit(self, command: Command) -> "Future[None]":
        """Carry out a command soon; the future holds SipError when it cannot be done.

        Commands for a leg that is over do nothing.
        """

    def stop(self) -> None:
        """Unregister, end what is left, close everything. Blocks for seconds at most."""
