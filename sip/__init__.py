"""SIP: trunks, registrations, calls. Knows nothing of RTP, agents or the bridge."""

from sip.comfort_noise import ComfortNoise
from sip.commands import Refusal
from sip.crypto import Crypto
from sip.description import SdpError
from sip.events import (
    Answered,
    Digit,
    Ended,
    Event,
    Invite,
    LegEvent,
    MediaNegotiated,
    ReferProgress,
    ReferRequested,
    RegistrationChanged,
    Ringing,
    Stranger,
    Trying,
)
from sip.leg import Leg, LegState
from sip.media import Address, Direction, Media, MediaAddress
from sip.message import Headers
from sip.negotiation import describe, offered_codecs
from sip.servers import Directory, Server
from sip.settings import Listen, Settings
from sip.stack import ListenError, OfferPending, SipError, Stack, StackStats
from sip.tls import TlsFiles
from sip.trunk import Registration, RegistrationState, Srtp, Trunk
from sip.user_agent import UserAgent

__all__ = [
    "Address",
    "Answered",
    "ComfortNoise",
    "Crypto",
    "Digit",
    "Direction",
    "Directory",
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
    "OfferPending",
    "ReferProgress",
    "ReferRequested",
    "Refusal",
    "Registration",
    "RegistrationChanged",
    "RegistrationState",
    "Ringing",
    "SdpError",
    "Server",
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
