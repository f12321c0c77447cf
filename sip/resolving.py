"""Where the servers of trunks are: calls go there, and those of registrars come from there."""

import asyncio
import logging
import socket
from collections.abc import Iterable

from sip.commands import Trust
from sip.servers import Directory, Servers
from sip.stack import Stack
from sip.trunk import Trunk
from sip.uri import parse_uri

__all__ = ["keep_resolving"]

log = logging.getLogger("sip.user_agent")

RESOLVE_EVERY_S = 300.0
"""How often names are looked up again."""


async def keep_resolving(trunks: Iterable[Trunk], stack: Stack, servers: Servers) -> None:
    """Look them up for ever, those of ``servers`` from the second time on; tell the stack."""
    served = [trunk for trunk in trunks if trunk.servers]
    while True:
        for trunk in served:
            stack.submit(
                Trust(trunk=trunk.name, addresses=await _addresses(trunk, servers.directory))
            )
        await asyncio.sleep(RESOLVE_EVERY_S)
        await servers.look_up()


async def _addresses(trunk: Trunk, directory: Directory) -> frozenset[str]:
    loop = asyncio.get_running_loop()
    found: set[str] = set()
    for uri in filter(None, (trunk.registrar, trunk.outbound_proxy)):
        if servers := await directory.servers(uri):
            found |= {server.host for server in servers}
            continue
        host = parse_uri(uri).host
        try:
            answers = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            log.info("= trunk %s: %s has no address: %s", trunk.name, host, error.strerror)
            continue
        found |= {str(answer[4][0]) for answer in answers}
    return frozenset(found)
