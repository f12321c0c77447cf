"""What a SIP stack has to know before it starts."""

from dataclasses import dataclass

from sip.comfort_noise import ComfortNoise
from sip.crypto import SUITES
from sip.tls import TlsFiles
from sip.trunk import Trunk

__all__ = ["Listen", "Settings"]


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
