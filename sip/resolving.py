"""Where the servers of registering trunks are: their calls come from there."""

import asyncio
import logging
import socket
from collections.abc import Iterable

from sip.stack import Stack, Trust
from sip.trunk import Trunk

__all__ = ["keep_resolving"]

log = logging.getLogger("sip.user_agent")

RESOLVE_EVERY_S = 300.0
"""How often the names of registrars are looked up again."""


async def keep_resolving(trunks: Iterable[Trunk], stack: Stack) -> None:
    """Look them up for ever, and tell the stack."""
    served = [trunk for trunk in trunks if trunk.servers]
    while True:
        for trunk in served:
            stack.submit(Trust(trunk=trunk.name, addresses=await _addresses(trunk)))
        await asyncio.sleep(RESOLVE_EVERY_S)


async def _addresses(trunk: Trunk) -> frozenset[str]:
    loop = asyncio.get_running_loop()
    found: set[str] = set()
    for host in trunk.servers:
        try:
            answers = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            log.info("= trunk %s: %s has no address: %s", trunk.name, host, error.strerror)
            continue
        found |= {str(answer[4][0]) for answer in answers}
    return frozenset(found)
