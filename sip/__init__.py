"""SIP: trunks, registrations, calls. Knows nothing of media, agents or the bridge."""

from sip.crypto import Crypto
from sip.events import (
    Address,
    Answered,
    Digit,
    Direction,
    Ended,
    Event,
    Invite,
    LegEvent,
    Media,
    MediaAddress,
    MediaNegotiated,
    ReferProgress,
    ReferRequested,
    RegistrationChanged,
    Ringing,
    Stranger,
    Trying,
)
from sip.leg import Leg, LegState
from sip.message import Headers
from sip.sdp import SdpError, describe, offered_codecs
from sip.stack import (
    Listen,
    ListenError,
    Refusal,
    Settings,
    SipError,
    Stack,
    StackStats,
    TlsFiles,
)
from sip.trunk import Registration, RegistrationState, Srtp, Trunk
from sip.user_agent import UserAgent

__all__ = [
    "Address",
    "Answered",
    "Crypto",
    "Digit",
    "Direction",
    "Ended",
    "Event",
    "Headers",
    "Invite",
    "Leg",
    "LegEvent",
    "LegState",
    "Listen",
    "ListenError",
    "Media",
    "MediaAddress",
    "MediaNegotiated",
    "ReferProgress",
    "ReferRequested",
    "Refusal",
    "Registration",
    "RegistrationChanged",
    "RegistrationState",
    "Ringing",
    "SdpError",
    "Settings",
    "SipError",
    "Srtp",
    "Stack",
    "StackStats",
    "Stranger",
    "TlsFiles",
    "Trunk",
    "Trying",
    "UserAgent",
    "describe",
    "offered_codecs",
]
