"""UDP, TCP, TLS and IPv6; a telephone that is not SIPp; what cannot be opened."""

import asyncio
import shutil
import socket
import ssl
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from sip import Answered, Ended, Listen, ListenError, MediaAddress, MediaNegotiated, TlsFiles, Trunk
from sip.pjsua.build import has_ipv6
from tests.support.baresip import Baresip, needs_baresip
from tests.support.certificates import self_signed
from tests.support.exchange import HOME, PBX, SETTINGS, at, exchange, next_event
from tests.support.scenario import ACCEPTED, BYE, audio, invite, scenario, send
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.interop

LOOPBACK = replace(PBX, hosts=(ip_network("127.0.0.0/8"),))
"""baresip's own connections come from whatever loopback address the kernel picks."""
MEDIA = MediaAddress(host=HOME, port=41000)
CALL = (send(invite(audio())), *ACCEPTED, *BYE)
TCP = Listen(transport="tcp", host=HOME, port=0)
TLS = Listen(transport="tls", host=HOME, port=0)


@needs_sipp
async def test_a_call_comes_in_over_tcp() -> None:
    async with (
        exchange(replace(SETTINGS, listen=(TCP,))) as ours,
        Sipp(scenario(*CALL), remote=ours.address, transport="t1") as sipp,
    ):
        leg = await ours.leg()
        assert leg.invite is not None
        assert leg.invite.transport == "tcp"
        await leg.answer()
        await leg.wait_ended()
        await sipp.done()
    assert ";transport=TCP" in sipp.received("SIP/2.0 200").partition("Contact:")[2]


@needs_sipp
async def test_a_call_comes_in_over_ipv6() -> None:
    if not has_ipv6():
        pytest.skip("PyPI's PJSIP build has no IPv6")
    neighbour = Trunk(name="six", hosts=(ip_network("::1/128"),))
    listen = Listen(host="::1", port=0)
    settings = replace(SETTINGS, listen=(listen,), trunks=(neighbour,))
    async with (
        exchange(settings) as ours,
        Sipp(scenario(*CALL), host="::1", remote=ours.address) as sipp,
    ):
        leg = await ours.leg()
        assert leg.invite is not None
        assert leg.invite.source == ("::1", sipp.port)
        await leg.answer()
        negotiated = await next_event(leg, MediaNegotiated)
        await sipp.done()
    assert negotiated.media.remote == ("::1", 6000)


@needs_baresip
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_baresip_calls_and_hangs_up(transport: str) -> None:
    listen = Listen(transport=transport, host=HOME, port=0)
    async with (
        exchange(replace(SETTINGS, listen=(listen,), trunks=(LOOPBACK,))) as ours,
        Baresip(transport=transport) as phone,
    ):
        port = ours.address[1]
        await phone.command("dial", f"sip:1000@{HOME}:{port}")
        leg = await ours.leg()
        await leg.ring()
        await phone.event("CALL_RINGING")
        await leg.answer()
        await phone.event("CALL_ESTABLISHED")
        await next_event(leg, Answered)
        await phone.command("hold")
        held = await next_event(leg, MediaNegotiated)
        await phone.command("resume")
        resumed = await next_event(leg, MediaNegotiated)
        await phone.command("hangup")
        ended = await next_event(leg, Ended)
    assert (held.media.held, resumed.media.held) == (True, False)
    assert ended.remote


@needs_baresip
async def test_baresip_is_called_and_answers() -> None:
    async with Baresip() as phone:
        settings = replace(SETTINGS, trunks=(at(PBX, phone.host, phone.port),))
        async with exchange(settings) as ours:
            leg = await ours.agent.dial("pbx", "phone", media=MEDIA)
            await next_event(leg, Answered)
            await phone.event("CALL_ESTABLISHED")
            await leg.hang_up()
            await phone.event("CALL_CLOSED")


@needs_baresip
async def test_a_call_over_tls_both_ways(tmp_path: Path) -> None:
    ours_pem = self_signed(tmp_path, name="bridge")
    phone_pem = self_signed(tmp_path, name="phone")
    both = tmp_path / "both.pem"
    both.write_text(phone_pem.certificate.read_text() + phone_pem.private_key.read_text())
    files = TlsFiles(
        certificate=str(ours_pem.certificate),
        private_key=str(ours_pem.private_key),
        verify=False,
    )
    async with Baresip(transport="tls", certificate=both) as phone:
        trunk = at(LOOPBACK, phone.host, phone.port, "tls")
        async with exchange(replace(SETTINGS, listen=(TLS,), trunks=(trunk,), tls=files)) as ours:
            await phone.command("dial", f"sip:1000@{HOME}:{ours.address[1]}")
            leg = await ours.leg()
            assert leg.invite is not None
            assert leg.invite.transport == "tls"
            await leg.answer()
            await phone.event("CALL_ESTABLISHED")
            await leg.hang_up()
            await phone.event("CALL_CLOSED")
            leg = await ours.agent.dial("pbx", "phone", media=MEDIA)
            await next_event(leg, Answered)
            await leg.hang_up()


@needs_baresip
async def test_a_server_whose_certificate_nobody_vouches_for_is_not_called(tmp_path: Path) -> None:
    phone_pem = self_signed(tmp_path, name="phone")
    both = tmp_path / "both.pem"
    both.write_text(phone_pem.certificate.read_text() + phone_pem.private_key.read_text())
    async with Baresip(transport="tls", certificate=both) as phone:
        trunk = at(LOOPBACK, phone.host, phone.port, "tls")
        settings = replace(SETTINGS, trunks=(trunk,), tls=TlsFiles(verify=True))
        async with exchange(settings) as ours:
            leg = await ours.agent.dial("pbx", "phone", media=MEDIA)
            ended = await asyncio.wait_for(leg.wait_ended(), PATIENCE_S)
    assert (ended.code, ended.remote) == (503, False)


@pytest.mark.skipif(shutil.which("ss") is None, reason="ss (Debian: iproute2) is not installed")
@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_connections_are_probed_while_nothing_is_said(tmp_path: Path, transport: str) -> None:
    """Those that we open, and those that come in."""
    own = self_signed(tmp_path, name="both")
    files = TlsFiles(
        certificate=str(own.certificate), private_key=str(own.private_key), verify=False
    )
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(own.certificate, own.private_key)
    called: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.put_nowait(writer)

    server = await asyncio.start_server(
        connected, HOME, 0, ssl=trust if transport == "tls" else None
    )
    port = server.sockets[0].getsockname()[1]
    listen = Listen(transport=transport, host=HOME, port=0)
    settings = replace(SETTINGS, listen=(listen,), trunks=(at(PBX, HOME, port, transport),))
    async with server, exchange(replace(settings, tls=files)) as ours:
        await ours.agent.dial("pbx", "1000", media=MEDIA)
        accepted = await asyncio.wait_for(called.get(), PATIENCE_S)
        assert await timers(f"dport = :{port}")
        _, writer = await asyncio.open_connection(*ours.address)
        theirs = writer.get_extra_info("sockname")[1]
        assert await timers(f"dport = :{theirs}")
        for each in (writer, accepted):
            each.transport.abort()


async def timers(connection: str) -> bool:
    """Whether the kernel probes a connection of ours: it does every 25 s."""
    words = ("ss", "-tnoH", "state", "established", connection)
    for _ in range(20):
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        told, _ = await process.communicate()
        if b"timer:(keepalive,2" in told and b"sec" in told:
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_address_in_use_is_told_with_its_place(transport: str) -> None:
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((HOME, 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        listen = Listen(transport=transport, host=HOME, port=taken.getsockname()[1])
        with pytest.raises(ListenError, match="in use") as caught:
            async with exchange(replace(SETTINGS, listen=(listen,))):
                pass
    assert caught.value.where == str(listen)


async def test_a_tls_listener_without_its_certificate_is_told(tmp_path: Path) -> None:
    files = TlsFiles(certificate=str(tmp_path / "none.pem"), private_key=str(tmp_path / "none.key"))
    with pytest.raises(ListenError, match="tls://"):
        async with exchange(replace(SETTINGS, listen=(TLS,), tls=files)):
            pass


async def test_it_starts_again_after_it_could_not() -> None:
    with pytest.raises(ListenError):
        async with exchange(replace(SETTINGS, listen=(Listen(host="192.0.2.1", port=0),))):
            pass
    async with exchange() as ours:
        assert ours.agent.listening[0].port > 0
