"""Ask a STUN server which address we have on the public network (RFC 8489)."""

import asyncio
import ipaddress
import secrets
import struct

__all__ = ["StunError", "binding_request", "mapped_address", "query"]

MAGIC_COOKIE = 0x2112A442
BINDING_REQUEST = 0x0001
BINDING_RESPONSE = 0x0101
XOR_MAPPED_ADDRESS = 0x0020
MAPPED_ADDRESS = 0x0001
RETRANSMISSIONS_S = (0.5, 1.0, 2.0)
"""Wait after each request (RFC 8489 section 6.2.1, cut short: the service is starting)."""

_HEADER = struct.Struct("!HHI12s")


class StunError(OSError):
    """The STUN server gave no address."""


def binding_request(transaction: bytes) -> bytes:
    """A Binding request with a 12-byte transaction id."""
    return _HEADER.pack(BINDING_REQUEST, 0, MAGIC_COOKIE, transaction)


def mapped_address(data: bytes, transaction: bytes) -> str:
    """The address in a Binding response to `transaction`.

    Raises ValueError where `data` is anything else.
    """
    if len(data) < _HEADER.size:
        raise ValueError("STUN message is shorter than its header")
    kind, length, cookie, answered = _HEADER.unpack_from(data)
    if (kind, cookie, answered) != (BINDING_RESPONSE, MAGIC_COOKIE, transaction):
        raise ValueError("not the response to our STUN request")
    end, at = min(len(data), _HEADER.size + length), _HEADER.size
    while at + 4 <= end:
        attribute, size = struct.unpack_from("!HH", data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) == size and attribute in (XOR_MAPPED_ADDRESS, MAPPED_ADDRESS):
            return _address(value, transaction if attribute == XOR_MAPPED_ADDRESS else None)
        at += 4 + size + (-size % 4)
    raise ValueError("STUN response has no mapped address")


def _address(value: bytes, transaction: bytes | None) -> str:
    """Read a (XOR-)MAPPED-ADDRESS (RFC 8489 sections 14.1 and 14.2)."""
    sizes = {1: 4, 2: 16}
    size = sizes.get(value[1] if len(value) > 1 else 0, 0)
    packed = value[4 : 4 + size]
    if not size or len(packed) != size:
        raise ValueError("STUN address is truncated or of no known family")
    if transaction is not None:
        mask = struct.pack("!I", MAGIC_COOKIE) + transaction
        packed = bytes(byte ^ key for byte, key in zip(packed, mask, strict=False))
    return str(ipaddress.ip_address(packed))


class _Asking(asyncio.DatagramProtocol):
    def __init__(self, transaction: bytes, server: str) -> None:
        self.transaction = transaction
        self.server = server
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self.answer.done():
            return
        try:
            self.answer.set_result(mapped_address(data, self.transaction))
        except ValueError:
            return

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(StunError(f"{self.server}: {exc}"))


async def query(host: str, port: int) -> str:
    """Our public address as the server at `host` and `port` sees it.

    Raises StunError when it does not say so in time.
    """
    transaction, server = secrets.token_bytes(12), f"STUN server {host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        transport, asking = await loop.create_datagram_endpoint(
            lambda: _Asking(transaction, server), remote_addr=(host, port)
        )
    except OSError as error:
        raise StunError(f"{server}: {error}") from error
    try:
        for wait_s in RETRANSMISSIONS_S:
            transport.sendto(binding_request(transaction))
            try:
                return await asyncio.wait_for(asyncio.shield(asking.answer), wait_s)
            except TimeoutError:
                continue
    finally:
        transport.close()
    raise StunError(f"{server} does not answer")
