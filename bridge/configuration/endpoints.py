"""Addresses and ports as a person writes them in a configuration."""

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Self

__all__ = [
    "MAX_PORT",
    "SIP_PORTS",
    "Endpoint",
    "ListenUrl",
    "PortRange",
    "goes_by_tls",
    "parse_host",
]

SIP_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""SIP ports by transport (RFC 3261 section 19.1.2)."""
MAX_PORT = 65535
UNPRIVILEGED_PORT = 1024

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")
_HOST_AND_PORT = re.compile(r"(\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+))(:(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port; port 0 lets the kernel choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, default_port: int | None = None) -> Self:
        """Read ``host:port``, an IPv6 host in brackets. Raises ValueError."""
        match = _HOST_AND_PORT.fullmatch(text)
        if match is None:
            raise ValueError("should be host:port, an IPv6 host in brackets")
        port = int(match["port"]) if match["port"] else default_port
        if port is None:
            raise ValueError("has no port; write host:port")
        return cls(match["v6"] or match["host"], _checked(port))

    @property
    def loopback(self) -> bool:
        """Only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ListenUrl:
    """Where SIP is received: ``udp://``, ``tcp://`` or ``tls://`` with a numeric host."""

    transport: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``transport://host[:port]``. Raises ValueError."""
        transport, separator, rest = text.partition("://")
        if not separator or transport not in SIP_PORTS:
            raise ValueError("should begin with udp://, tcp:// or tls://, as in udp://0.0.0.0:5060")
        endpoint = Endpoint.parse(rest, default_port=SIP_PORTS[transport])
        try:
            ipaddress.ip_address(endpoint.host)
        except ValueError:
            raise ValueError(
                f"{endpoint.host} is not an IP address; 0.0.0.0 stands for all of IPv4"
            ) from None
        return cls(transport, endpoint.host, endpoint.port)

    def __str__(self) -> str:
        return f"{self.transport}://{Endpoint(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports for RTP, both ends included: pairs of an even RTP and an odd RTCP port."""

    low: int
    high: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``low-high``. Raises ValueError."""
        match = re.fullmatch(r"(\d{1,5}) ?- ?(\d{1,5})", text)
        if match is None:
            raise ValueError("should be two ports with a hyphen, as in 20000-20999")
        low, high = int(match[1]), _checked(int(match[2]))
        if low < UNPRIVILEGED_PORT:
            raise ValueError(f"should begin at port {UNPRIVILEGED_PORT} or above")
        if low >= high:
            raise ValueError("ends before it begins")
        if low % 2:
            raise ValueError(f"should begin on an even port, as RTP does (RFC 3550): {low + 1}")
        if not high % 2:
            raise ValueError(f"holds an odd number of ports; RTP needs pairs: end at {high + 1}")
        return cls(low, high)

    @property
    def pairs(self) -> int:
        """How many streams the range holds at once."""
        return (self.high - self.low + 1) // 2

    def __contains__(self, port: int) -> bool:
        return self.low <= port <= self.high

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


def parse_host(text: str) -> IPv4Network | IPv6Network | str:
    """Return an address or network as such and a host name as text. Raises ValueError."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None:
        if not _HOST_NAME.fullmatch(text) or re.fullmatch(r"[\d.]+", text):
            raise ValueError(f"{text} is neither an IP address, a network nor a host name")
        return text
    if ipaddress.ip_address(text.partition("/")[0]) != network.network_address:
        raise ValueError(f"{text} is a host in a network; for the whole of it write {network}")
    return network


def _checked(port: int) -> int:
    if port > MAX_PORT:
        raise ValueError(f"{port} is not a port; ports end at {MAX_PORT}")
    return port


def goes_by_tls(uri: str) -> bool:
    """Whether a SIP URI asks for TLS."""
    scheme, _, rest = uri.lower().partition(":")
    return scheme == "sips" or "transport=tls" in rest.split(";")
