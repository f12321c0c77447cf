"""A telephone of `caller` over TCP or TLS: one connection, which it opens and keeps."""

import asyncio
import re
import ssl
from types import TracebackType
from typing import Self

from tests.support.caller import Address, Phone

__all__ = ["StreamPhone"]

_LENGTH = re.compile(rb"^Content-Length: *(\d+)", re.MULTILINE | re.IGNORECASE)


class StreamPhone(Phone):
    """Reaches `server` by its connection, and is reached there; an async context manager."""

    def __init__(
        self,
        server: Address,
        *,
        host: str = "127.0.0.2",
        tls: ssl.SSLContext | None = None,
        scheme: str = "sip",
    ) -> None:
        super().__init__(host=host)
        self.transport = "TLS" if tls else "TCP"
        self.scheme = scheme
        self._server, self._tls = server, tls
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        reader, self._writer = await asyncio.open_connection(
            *self._server, ssl=self._tls, local_addr=(self.address[0], 0)
        )
        self.address = self._writer.get_extra_info("sockname")[:2]
        self._reading = asyncio.create_task(self._read(reader), name="stream phone")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._reading is not None
        self._reading.cancel()
        self._writer.transport.abort()

    def transmit(self, data: bytes, peer: Address) -> None:
        """Write it, whoever is meant: the server is the only peer."""
        del peer
        self._writer.write(data)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, OSError):
                return
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            if head.strip():  # else a keepalive
                self.datagram_received(head.lstrip() + body, self._server)
