"""A trunk: a carrier or PBX we exchange calls with, and who may call in its name."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address

from sip.tls import TlsFiles
from sip.uri import Uri, check_sendable, parse_uri, quote_user

__all__ = [
    "Candidate",
    "Registration",
    "RegistrationState",
    "Srtp",
    "Trunk",
    "bracket",
    "identify",
    "new_token",
    "parse_host_port",
    "transport_of",
]

Network = IPv4Network | IPv6Network

CONTACT_PARAM = "uvb"
"""URI parameter of our registered Contact that carries the trunk's token."""


class RegistrationState(StrEnum):
    """Where a trunk's registration stands."""

    NONE = "none"
    """The trunk is known by address and does not register."""
    UNREGISTERED = "unregistered"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REJECTED = "rejected"
    """The registrar said no: a wrong password, an unknown user."""
    UNREACHABLE = "unreachable"
    """No answer, or the registrar says that it is in trouble itself (5xx)."""
    EXPIRED = "expired"
    """The binding ran out before it could be refreshed."""


class Srtp(StrEnum):
    """Whether a trunk's RTP is encrypted, with keys from SDP (RFC 4568)."""

    OFF = "off"
    OPTIONAL = "optional"
    """Offered with plain RTP (RTP/AVP with keys), and taken where the other side offers it."""
    REQUIRED = "required"
    """RTP/SAVP or no call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A trunk's registration at one moment."""

    trunk: str
    state: RegistrationState
    code: int = 0
    """SIP status of the last answer; 0 before there was one."""
    reason: str = ""
    expires_s: float | None = None
    """Seconds the binding still holds."""
    retry_in_s: float | None = None
    """Seconds until we try again by ourselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A carrier or PBX: identity, credentials, trusted addresses."""

    name: str
    registrar: str | None = None
    """``sip:host[:port][;transport=tcp|tls]``; None when the trunk is known by address only."""
    username: str = ""
    auth_username: str = ""
    """Where it differs from ``username``."""
    password: str = field(default="", repr=False)
    realm: str = "*"
    from_user: str = ""
    """User part of our From; default ``username``."""
    domain: str = ""
    """Host part of our From; default the registrar's host."""
    outbound_proxy: str | None = None
    hosts: tuple[Network, ...] = ()
    """Networks that may call in the trunk's name, names already resolved."""
    address: str | None = None
    """Where outbound calls go; default the registrar, else a single host in ``hosts``."""
    expires_s: int = 300
    session_expires_s: int = 1800
    ring_timeout_s: float = 60
    srtp: Srtp = Srtp.OFF
    accept_refer: bool = False
    """Whether it may have us call others (REFER): at our cost, so by default not."""
    accept_replaces: bool = False
    """Whether a call of it may take the place of another one (INVITE with Replaces)."""
    tls: TlsFiles | None = None
    """Towards this trunk; None where the listeners' are good for it as well."""

    @property
    def user(self) -> str:
        """Our user part at this trunk; empty when none is set."""
        return self.from_user or self.username

    @property
    def places(self) -> tuple[str, ...]:
        """The URIs that our requests go to first."""
        return tuple(filter(None, (self.registrar, self.outbound_proxy, self.address)))

    @property
    def target(self) -> Uri | None:
        """Where outbound calls go; None when nothing says so."""
        if self.address or self.registrar:
            return parse_uri(self.address or self.registrar or "")
        single = [n for n in self.hosts if n.num_addresses == 1]
        if len(self.hosts) != 1 or not single:
            return None
        host = str(single[0].network_address)
        return Uri(scheme="sip", user="", host=host, port=None, params={})

    @property
    def first_hop(self) -> str | None:
        """The URI that calls to numbers are sent to; None where it is an address of ``hosts``."""
        return self.outbound_proxy or self.address or self.registrar

    @property
    def servers(self) -> tuple[str, ...]:
        """Host names and addresses whose calls are the registrar's, once registered."""
        if self.registrar is None:
            return ()
        uris = [self.registrar, *([self.outbound_proxy] if self.outbound_proxy else [])]
        return tuple(dict.fromkeys(parse_uri(uri).host for uri in uris))

    def identity(self, host: str) -> str:
        """Our address at this trunk, as From; ``host`` stands in where no domain is known."""
        domain = self.domain
        if not domain and self.registrar:
            domain = parse_uri(self.registrar).host
        return f"sip:{quote_user(self.user or 'uvbridge')}@{bracket(domain or host)}"

    def request_uri(self, to: str) -> str:
        """Where an outbound call to ``to`` goes: a number, or an address used as it is.

        Raises ValueError when the trunk has no address to call, or that is none.
        """
        if to.lower().startswith(("sip:", "sips:")):
            check_sendable(to)
            parse_uri(to)
            return to
        target = self.target
        if target is None:
            raise ValueError(f"trunk {self.name} has no address for outbound calls")
        number = parse_uri(to).user if to.lower().startswith("tel:") else to
        port = f":{target.port}" if target.port else ""
        params = f";transport={t}" if (t := target.params.get("transport")) else ""
        return f"{target.scheme}:{quote_user(number)}@{bracket(target.host)}{port}{params}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the SIP side knows of a trunk when a request comes in."""

    trunk: Trunk
    registered: bool
    addresses: frozenset[str] = frozenset()
    """Addresses its servers resolve to, and the one that answered REGISTER."""
    token: str = ""
    """In the Contact that we registered."""

    def trusts(self, source: str) -> bool:
        """Whether a request from this address may be the trunk's."""
        if self.registered and source in self.addresses:
            return True
        address = ip_address(source)
        return any(address in network for network in self.trunk.hosts)


def identify(candidates: Iterable[Candidate], *, source: str, request_uri: str) -> Trunk | None:
    """The trunk a request belongs to; None when it comes from a stranger.

    Only the source address admits. Among trunks that share an address the token in our
    Contact decides, then our user name at the trunk, then the order of the configuration;
    From and other headers, which a caller chooses, decide nothing.
    """
    trusted = [c for c in candidates if c.trusts(source)]
    if len(trusted) < 2:
        return trusted[0].trunk if trusted else None
    user, token = _aimed_at(request_uri)
    for candidate in trusted:
        if token and token == candidate.token:
            return candidate.trunk
    for candidate in trusted:
        if user and user == candidate.trunk.user:
            return candidate.trunk
    return trusted[0].trunk


def new_token() -> str:
    """A token that tells this trunk's Contact from others'."""
    return secrets.token_hex(4)


def parse_host_port(text: str) -> tuple[str, int]:
    """Read ``host:port`` or ``[host]:port`` as the stack prints it. Raises ValueError."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def bracket(host: str) -> str:
    """The host as a URI wants it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _aimed_at(request_uri: str) -> tuple[str, str]:
    try:
        uri = parse_uri(request_uri)
    except ValueError:
        return "", ""
    params: Mapping[str, str] = uri.params
    return uri.user, params.get(CONTACT_PARAM, "")


def transport_of(uri: str | None) -> str:
    """udp, tcp or tls, as an address asks for it (RFC 3263 section 4.1)."""
    if not uri:
        return "udp"
    parsed = parse_uri(uri)
    if parsed.scheme == "sips":
        return "tls"
    return parsed.params.get("transport", "udp").lower()
