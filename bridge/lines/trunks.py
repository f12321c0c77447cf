"""The configured trunks as the SIP side wants them: secrets opened, host names looked up."""

import asyncio
import logging
import socket
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from bridge.config import Config, TlsConfig, TrunkConfig
from sip.tls import TlsFiles
from sip.trunk import Srtp, Trunk

__all__ = ["look_up", "sip_trunks", "tls_files", "tls_towards", "to_trunk"]

log = logging.getLogger("bridge.trunks")

Network = IPv4Network | IPv6Network


async def sip_trunks(config: Config) -> tuple[Trunk, ...]:
    """Return all trunks of `config`. A host name that has no address is logged and left out."""
    trunks = [
        to_trunk(
            name,
            trunk,
            networks=await _networks(name, trunk),
            session_expires_s=config.sip.session_expires_s,
            tls=tls_files(tls_towards(trunk, config)) if _own_tls(trunk) else None,
        )
        for name, trunk in config.trunks.items()
    ]
    return tuple(trunks)


def to_trunk(
    name: str,
    trunk: TrunkConfig,
    *,
    networks: tuple[Network, ...],
    session_expires_s: int,
    tls: TlsFiles | None = None,
) -> Trunk:
    """Return one trunk; `networks` are its `hosts` with every name looked up."""
    return Trunk(
        name=name,
        registrar=trunk.registrar,
        username=trunk.username,
        auth_username=trunk.auth_username,
        password=trunk.password.get_secret_value() if trunk.password else "",
        realm=trunk.realm,
        from_user=trunk.from_user,
        domain=trunk.domain,
        outbound_proxy=trunk.outbound_proxy,
        hosts=networks,
        address=trunk.address or _sole_name(trunk),
        expires_s=trunk.expires_s,
        session_expires_s=session_expires_s,
        ring_timeout_s=trunk.ring_timeout_s,
        accept_refer=trunk.accept_refer,
        accept_replaces=trunk.accept_replaces,
        srtp=Srtp(trunk.srtp),
        tls=tls,
    )


def tls_towards(trunk: TrunkConfig, config: Config) -> TlsConfig:
    """Return what TLS towards `trunk` goes by: what it says itself laid over `sip.tls`."""
    own = {name: value for name, value in trunk.tls if value is not None}
    return config.sip.tls.model_copy(update=own)


def tls_files(tls: TlsConfig) -> TlsFiles:
    """Return the same for the SIP side."""
    return TlsFiles(
        certificate=str(tls.certificate or ""),
        private_key=str(tls.private_key or ""),
        ca_file=str(tls.ca_file or ""),
        verify=tls.verify,
        require_client=tls.require_client_certificate,
    )


def _own_tls(trunk: TrunkConfig) -> bool:
    return any(value is not None for _, value in trunk.tls)


async def look_up(host: str) -> tuple[Network, ...]:
    """Return every address of a host name, off the loop. Raises OSError where it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    addresses = dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found)
    return tuple(ip_network(address) for address in addresses)


async def _networks(name: str, trunk: TrunkConfig) -> tuple[Network, ...]:
    networks: list[Network] = []
    for host in trunk.hosts:
        if not isinstance(host, str):
            networks.append(host)
            continue
        try:
            networks += await look_up(host)
        except OSError as error:
            reason = error.strerror or error
            log.warning("= trunk %s: calls from %s are refused: %s", name, host, reason)
    return tuple(networks)


def _sole_name(trunk: TrunkConfig) -> str | None:
    """Where calls go when all that is known of the trunk is one host name."""
    if trunk.registrar is None and len(trunk.hosts) == 1 and isinstance(trunk.hosts[0], str):
        return f"sip:{trunk.hosts[0]}"
    return None
