"""Media as SIP speaks of it: where RTP goes, which way, and what was settled about it."""

from dataclasses import dataclass, field
from enum import StrEnum

from sip.crypto import Crypto

__all__ = ["Address", "Direction", "Media", "MediaAddress"]

Address = tuple[str, int]
"""Numeric host and port."""


class Direction(StrEnum):
    """Which way a stream may flow, from the side that says it (RFC 3264 section 5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether that side may send."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether that side wants to receive."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> "Direction":
        """The direction that allows just these."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAddress:
    """Where we take RTP, as written into SDP; RTCP is on the next port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What one completed offer and answer settled about the audio stream."""

    encoding: str
    """Encoding name in the peer's spelling (RFC 4855): PCMU, PCMA, G722, opus."""
    payload_type: int
    """Of what we send, by the peer's description."""
    own_payload_type: int
    """Of what the peer sends, by ours: an answer may give a format another number."""
    clock_rate: int
    """RTP timestamp units per second (8000 for G722)."""
    channels: int
    fmtp: str
    """The peer's format parameters for this encoding."""
    ptime: int
    """Milliseconds of audio the peer wants in a packet, within 10 to 60."""
    max_ptime: int
    """Milliseconds that it takes in one at most; 0 where it does not say."""
    event_payload_type: int | None
    """telephone-event (RFC 4733) as we send it, where both sides have it."""
    own_event_payload_type: int | None
    """The same as the peer sends it."""
    event_clock_rate: int
    remote: Address
    remote_rtcp: Address
    rtcp_mux: bool
    direction: Direction
    """Ours: what we may do now."""
    own_direction: Direction
    """Ours as our description says it: `sendonly` or `inactive` while we hold the peer."""
    remote_direction: Direction
    """The peer's, with an address of 0.0.0.0 read as not receiving (RFC 3264 section 8.4)."""
    comfort_noise: bool = False
    """Whether either side may send comfort noise (RFC 3389, payload type 13) for silence."""
    crypto: Crypto | None = None
    """Keys of SRTP (RFC 4568); None where RTP goes unencrypted."""
    local_sdp: str = field(repr=False)
    remote_sdp: str = field(repr=False)
    """Empty where it came in an ACK, which nobody shows us."""

    @property
    def secure(self) -> bool:
        """Whether RTP is encrypted."""
        return self.crypto is not None

    @property
    def held(self) -> bool:
        """The peer put us on hold: it does not want to hear us."""
        return not self.remote_direction.receives
