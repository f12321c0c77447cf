"""A bridge behind a NAT: callers are told the address that a STUN server sees."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from bridge.lines.stun import MAGIC_COOKIE
from deploy.ports import free_port
from tests.support.caller import Phone
from tests.support.pitch import heard
from tests.support.service import HOME, running

MAPPED = "192.0.2.77"


class Server(asyncio.DatagramProtocol):
    """To it everybody comes from `MAPPED`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        mapped = int.from_bytes(socket.inet_aton(MAPPED), "big") ^ MAGIC_COOKIE
        body = struct.pack("!HHBBHI", 0x0020, 8, 0, 1, 0, mapped)
        self.transport.sendto(struct.pack("!HH", 0x0101, len(body)) + data[4:20] + body, addr)


@asynccontextmanager
async def stun_server() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    try:
        yield f"stun:{host}:{port}"
    finally:
        transport.close()


async def test_a_stun_server_that_is_not_there_is_told_by_its_setting(tmp_path: Path) -> None:
    server = f"127.0.0.1:{free_port()}"
    told = rf"^sip\.public_address: STUN server {server}: .*refused"
    with pytest.raises(OSError, match=told):
        async with running(tmp_path, {"sip": {"public_address": f"stun:{server}"}}):
            pass


async def test_sip_and_sdp_name_the_address_that_the_stun_server_sees(tmp_path: Path) -> None:
    async with (
        stun_server() as public_address,
        running(tmp_path, {"sip": {"public_address": public_address}}) as bridge,
        Phone() as phone,
        phone.call(bridge.address, user="echo", pitch=1050) as call,
    ):
        media = (await bridge.answered()).first.media
        assert media is not None
        assert f"c=IN IP4 {MAPPED}" in media.local_sdp
        assert f"{MAPPED}:" in call.target
        # Both are on one host here, so what is said to be outside is reached inside.
        assert call.line.remote is not None
        call.line.remote = (HOME, call.line.remote[1])
        await call.line.speech()
        assert heard(await call.line.listen(0.3), 1050) == {1050}
