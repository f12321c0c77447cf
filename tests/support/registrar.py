"""A registrar that answers every REGISTER as it is told to, however odd (RFC 3261 section 10.3)."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.support.exchange import HOME

__all__ = ["Answer", "Registrar", "registrar"]

Answer = tuple[str, list[str]]
"""Status and headers."""

_COPIED = re.compile(r"(via|from|to|call-id|cseq):", re.IGNORECASE)


class Registrar(asyncio.DatagramProtocol):
    """Counts what it is asked, and answers by `how`, which is given the number of the request."""

    def __init__(self, how: Callable[[int], Answer | None]) -> None:
        self.asked = 0
        self.port = 0
        self._how = how
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        start, *lines = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        if not start.startswith("REGISTER "):
            return
        self.asked += 1
        answer = self._how(self.asked)
        if answer is None:
            return
        status, headers = answer
        copied = [line for line in lines if _COPIED.match(line)]
        told = [f"SIP/2.0 {status}", *copied, *headers, "Content-Length: 0", "", ""]
        self._transport.sendto("\r\n".join(told).encode(), address)


@asynccontextmanager
async def registrar(how: Callable[[int], Answer | None]) -> AsyncIterator[Registrar]:
    """A registrar on loopback, over UDP."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Registrar(how), local_addr=(HOME, 0)
    )
    try:
        yield protocol
    finally:
        transport.close()
