"""Which servers a name stands for: SRV records before addresses (RFC 3263 section 4).

Registrations, and calls over TCP and TLS, are left to PJSIP, which looks names up by itself and
tries the next server where it cannot connect. Over UDP it keeps to the first, though that one says
nothing; so there each attempt of a call is told its server.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from sip.trunk import Trunk, bracket, transport_of
from sip.uri import parse_uri

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

__all__ = ["Directory", "Server", "Servers"]

log = logging.getLogger("sip.servers")

SERVICES: Final = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
ASKED_S: Final = 3.0
"""The longest that one question to the name servers takes, all tries together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One of those that a name stands for."""

    host: str
    """Its address."""
    port: int

    def __str__(self) -> str:
        return f"{bracket(self.host)}:{self.port}"

    @property
    def route(self) -> str:
        """The URI that leads a request there and is not written into it (PJSIP's `hide`)."""
        return f"sip:{self};lr;hide"


class Directory:
    """Asks name servers; without any it knows of nobody."""

    def __init__(self, nameservers: Iterable[str]) -> None:
        """`nameservers` are addresses."""
        self._resolver = _resolver(tuple(nameservers))

    async def servers(self, uri: str) -> tuple[Server, ...]:
        """Those that SRV records name for a SIP URI, the first to be tried first; none without.

        A URI with an address or a port has no SRV records (RFC 3263 section 4.2).
        """
        place = parse_uri(uri)
        if self._resolver is None or place.port is not None or _is_address(place.host):
            return ()
        found = []
        name = f"{SERVICES[transport_of(uri)]}.{place.host}"
        for record in await self._ask(self._resolver, name, "SRV"):
            target = record.target.to_text(omit_final_dot=True)
            for kind in ("A", "AAAA"):
                if addresses := await self._ask(self._resolver, target, kind):
                    found += [Server(host=each.address, port=record.port) for each in addresses]
                    break
        return tuple(dict.fromkeys(found))

    async def _ask(self, resolver: "Resolver", name: str, kind: str) -> list[Any]:
        from dns.exception import DNSException  # noqa: PLC0415 -- see _resolver

        try:
            answer = await resolver.resolve(name, kind)
        except (DNSException, OSError) as error:
            log.debug("%% no %s record of %s: %s", kind, name, error)
            return []
        # By priority, and among equals by chance and weight (RFC 2782).
        return list(answer.rrset.processing_order()) if answer.rrset is not None else []


class Servers:
    """The servers of each trunk's calls, in the order in which they are to be tried."""

    def __init__(self, trunks: Iterable[Trunk], directory: Directory) -> None:
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self.directory = directory
        self._found: dict[str, tuple[Server, ...]] = {}

    async def look_up(self) -> None:
        """Ask for all of them, whatever was found before; takes a few seconds at most."""
        for name, trunk in self._trunks.items():
            if hop := trunk.first_hop:
                self._found[name] = await self.directory.servers(hop)

    def address(self, trunk: str) -> str:
        """The address of the server that comes first; empty where no SRV record tells."""
        found = self._found.get(trunk)
        return found[0].host if found else ""

    def choices(self, trunk: str) -> tuple[Server, ...]:
        """Those that a call is to try one after the other; none where PJSIP sees to that."""
        found = self._found.get(trunk, ())
        several = len(found) > 1 and transport_of(self._trunks[trunk].first_hop) == "udp"
        return found if several else ()

    def failed(self, trunk: str, server: Server) -> None:
        """It said nothing, or 503: until they are looked up again, it comes last."""
        found = self._found.get(trunk, ())
        others = tuple(each for each in found if each != server)
        if others and len(others) < len(found):
            self._found[trunk] = (*others, server)
            told = "= trunk %s: its server %s fails, %s comes first now"
            log.warning(told, trunk, server, others[0])


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _resolver(nameservers: tuple[str, ...]) -> "Resolver | None":
    """A client that asks them alone. It is imported where it is wanted only: 0.1 s."""
    if not nameservers:
        return None
    from dns.asyncresolver import Resolver  # noqa: PLC0415

    resolver = Resolver(configure=False)
    resolver.nameservers = list(nameservers)
    resolver.lifetime = ASKED_S
    return resolver
