"""The servers that a configuration names, and whether one can be reached from here."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from bridge.commands.certificates import reason
from bridge.config import Config
from bridge.configuration.endpoints import SIP_PORTS
from bridge.configuration.sections import UltravoxConfig
from bridge.lines.trunks import look_up, tls_towards
from sip.uri import parse_uri

__all__ = ["Server", "resolve", "trunk_servers", "ultravox_server"]

DAY_S = 86_400
HTTP_PORTS = {"http": 80, "https": 443}
TIMEOUT_S = 5.0
"""How long a name may take to be looked up, and a server to be connected with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A host that the configuration names."""

    where: str
    """The key that names it."""
    uri: str
    """What stands there."""
    host: str
    port: int
    transport: str
    """udp, tcp or tls."""
    tls: ssl.SSLContext

    async def connect(self) -> str:
        """Connect and leave; returns what is to be said of it. Raises ConnectionError."""
        peer = f"{self.host}:{self.port}"
        tls = self.tls if self.transport == "tls" else None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, writer = await asyncio.open_connection(self.host, self.port, ssl=tls)
        except OSError as error:
            raise ConnectionError(f"{peer}: {_why(error)}") from error
        certificate = writer.get_extra_info("peercert")
        writer.close()
        if not certificate:
            return f"{peer} answers"
        ends = ssl.cert_time_to_seconds(certificate["notAfter"])
        days = int((ends - time.time()) / DAY_S)
        return f"{peer} answers, its certificate holds {days} days more"


async def resolve(host: str) -> list[str]:
    """Every address of a host. Raises ConnectionError where it has none."""
    try:
        networks = await asyncio.wait_for(look_up(host), TIMEOUT_S)
    except (OSError, UnicodeError) as error:
        raise ConnectionError(f"{host} has no address: {_why(error)}") from error
    return [str(network.network_address) for network in networks]


def ultravox_server(config: UltravoxConfig) -> Server:
    """Where Ultravox's REST API is."""
    url = urlsplit(config.api_url)
    return Server(
        where="ultravox.api_url",
        uri=config.api_url,
        host=url.hostname or "",
        port=url.port or HTTP_PORTS[url.scheme],
        transport="tls" if url.scheme == "https" else "tcp",
        tls=ssl.create_default_context(cafile=config.ca_file),
    )


def trunk_servers(name: str, config: Config) -> Iterator[Server]:
    """Where a trunk is registered with, and where its calls go."""
    trunk = config.trunks[name]
    files = tls_towards(trunk, config)
    tls = ssl.create_default_context(cafile=files.ca_file)
    if files.certificate is not None and files.private_key is not None:
        with contextlib.suppress(OSError):  # told already, as what does not hold
            tls.load_cert_chain(files.certificate, files.private_key, password="")
    if not files.verify:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    for key in ("registrar", "outbound_proxy", "address"):
        if (text := getattr(trunk, key)) is None:
            continue
        uri = parse_uri(text)
        default = "tls" if uri.scheme == "sips" else "udp"
        transport = uri.params.get("transport", default).lower()
        yield Server(
            where=f"trunks.{name}.{key}",
            uri=text,
            host=uri.host,
            port=uri.port or SIP_PORTS[transport],
            transport=transport,
            tls=tls,
        )


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {TIMEOUT_S:.0f} s"
    return reason(error) if isinstance(error, OSError) else str(error)
