"""What the last offer/answer settled about one stream."""

from dataclasses import dataclass, field

from rtp.format import Format
from rtp.latch import Address
from rtp.srtp import Keys

__all__ = ["Terms"]

_NOWHERE = frozenset({"0.0.0.0", "::"})  # on hold in the manner of RFC 2543


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Where audio goes, in which format and directions, and under which keys."""

    audio: Format
    remote: Address
    send: bool
    receive: bool
    remote_rtcp: Address | None
    """None for the port after the remote's."""
    rtcp_mux: bool
    keys: Keys | None = field(repr=False)

    @property
    def reachable(self) -> bool:
        """Whether the remote is an address at all."""
        return self.remote[0] not in _NOWHERE and self.remote[1] != 0
