"""`uvbridge check --live` against servers on loopback that work, and that do not."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from bridge.commands import check
from bridge.commands.findings import Finding
from bridge.commands.probes import Probing
from bridge.config import parse
from bridge.ultravox.standin import Standin
from tests.support.certificates import PemFiles, self_signed
from tests.support.dns import name_server
from tests.support.redis_server import RedisServer, needs_redis

CLOSED = "127.0.0.1:9"


async def probed(
    *, trunks: str = "{}", ultravox: str = "", sip: str = "", more: str = ""
) -> list[str]:
    """What probing tells of a configuration, sorted, as `level where: message`."""
    text = f"""
sip: {{listen: [udp://127.0.0.1:5060], {sip}}}
ultravox: {{{ultravox or f"api_url: 'http://{CLOSED}'"}}}
trunks: {trunks}
agents: {{join: {{join_url: wss://example.net/x}}}}
{more}
"""
    findings: list[Finding] = []
    await Probing(parse(text, {}), tell=findings.append).run()
    lines = [f"{finding.level} {finding.where}: {finding.message}" for finding in findings]
    return sorted(line for line in lines if ultravox or "ultravox.api_url" not in line)


@asynccontextmanager
async def tls_server(files: PemFiles) -> AsyncIterator[int]:
    """A server that shakes hands and waits; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


class Registrar(asyncio.DatagramProtocol):
    """Registers user `good` for 77 s and forbids everybody else."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = data.decode()
        self.requests.append(request)
        good = "sip:good@" in request
        kept = re.findall(r"(?im)^(?:via|from|call-id|cseq|contact):.*$", request)
        to = re.findall(r"(?im)^to:.*$", request)
        expires = "0" if re.search(r"(?im)^expires: *0", request) else "77"
        head = "SIP/2.0 200 OK" if good else "SIP/2.0 403 Forbidden"
        lines = [head, *kept, f"{to[0].strip()};tag=1", f"Expires: {expires}", "Content-Length: 0"]
        text = "\r\n".join(line.strip() for line in lines) + "\r\n\r\n"
        self.transport.sendto(text.encode(), addr)


@asynccontextmanager
async def registrar() -> AsyncIterator[tuple[Registrar, int]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        Registrar, local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_registrations_are_tried_and_taken_back() -> None:
    pytest.importorskip("pjsua2")
    async with registrar() as (server, port):
        uri = f"registrar: 'sip:127.0.0.1:{port}', password: p"
        told = await probed(
            trunks=f"{{one: {{{uri}, username: good}}, two: {{{uri}, username: bad}}}}"
        )
    assert told == [
        "failed trunks.two: the registrar answers 403 Forbidden",
        "ok trunks.one: registered for 77 s",
    ]
    last = [request for request in server.requests if "sip:good@" in request][-1]
    assert re.search(r"(?im)^expires: *0|;expires=0", last)


async def test_a_name_without_an_address_is_told_and_nothing_further_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = await probed(
        trunks="{a: {registrar: 'sip:a.invalid', username: u, hosts: [b.invalid, 192.0.2.1]}}"
    )
    assert told == [
        "failed trunks.a.hosts: b.invalid has no address: Name or service not known",
        "failed trunks.a.registrar: a.invalid has no address: Name or service not known",
    ]


async def test_the_servers_that_dns_names_for_a_trunk_are_told() -> None:
    hosts = {"one.carrier.test": "127.0.0.2", "two.carrier.test": "127.0.0.3"}
    servers = [("one.carrier.test", 5070), ("two.carrier.test", 5080)]
    async with name_server(a=hosts, srv={"_sip._udp.carrier.test": servers}) as (dns, _):
        told = await probed(
            sip=f"nameservers: [{dns}]",
            trunks="{a: {hosts: [192.0.2.1], address: 'sip:carrier.test'}}",
        )
    where = "carrier.test has the servers 127.0.0.2:5070, 127.0.0.3:5080"
    assert told == [f"ok trunks.a.address: {where}"]


async def test_a_server_that_does_not_listen_is_told() -> None:
    told = await probed(
        trunks=f"{{a: {{hosts: [192.0.2.1], address: 'sip:{CLOSED};transport=tcp'}}}}"
    )
    assert told == [f"failed trunks.a.address: {CLOSED}: Connection refused"]


async def test_an_expired_certificate_of_a_trunk_is_told_by_name(tmp_path: Path) -> None:
    files = self_signed(tmp_path, begins_days=-9, ends_days=-1)
    async with tls_server(files) as port:
        told = await probed(
            trunks=f"{{a: {{hosts: [192.0.2.1], address: 'sip:127.0.0.1:{port};transport=tls'}}}}",
            sip=f"tls: {{ca_file: {files.certificate}}}",
        )
    assert told == [
        f"failed trunks.a.address: 127.0.0.1:{port}: certificate refused: certificate has expired"
    ]


async def test_a_certificate_that_holds_is_told_with_its_days(tmp_path: Path) -> None:
    files = self_signed(tmp_path, ends_days=30.5)
    address = "{{a: {{hosts: [192.0.2.1], address: 'sips:127.0.0.1:{}'}}}}"
    async with tls_server(files) as port:
        trusting = await probed(
            trunks=address.format(port), sip=f"tls: {{ca_file: {files.certificate}}}"
        )
        wary = await probed(trunks=address.format(port))
        careless = await probed(trunks=address.format(port), sip="tls: {verify: false}")
    where = f"trunks.a.address: 127.0.0.1:{port}"
    assert trusting == [f"ok {where} answers, its certificate holds 30 days more"]
    assert wary == [f"failed {where}: certificate refused: self-signed certificate"]
    assert careless == [f"ok {where} answers"]


async def test_the_key_of_ultravox_is_tried() -> None:
    async with Standin(api_key="right", voice=None) as standin:
        right = await probed(ultravox=f"api_url: '{standin.api_url}', api_key: right")
        wrong = await probed(ultravox=f"api_url: '{standin.api_url}', api_key: wrong")
    assert right[0] == "ok ultravox.api_key: Ultravox accepts it"
    assert wrong[0].startswith("failed ultravox.api_key: ")
    assert "check ultravox.api_key" in wrong[0]
    assert not [line for line in wrong if "wrong" in line.replace("key is wrong", "")]


async def test_the_key_is_not_tried_where_ultravox_cannot_be_reached() -> None:
    told = await probed(ultravox=f"api_url: 'http://{CLOSED}', api_key: k")
    assert told == [f"failed ultravox.api_url: {CLOSED}: Connection refused"]


async def test_a_stun_server_that_is_silent_is_told() -> None:
    told = await probed(sip=f"public_address: 'stun:{CLOSED}'")
    (line,) = told
    assert line.startswith(f"failed sip.public_address: stun:{CLOSED}: ")


def test_a_live_check_tells_all_and_ends_with_1_when_something_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        f"ultravox: {{api_url: 'http://{CLOSED}'}}\n"
        "agents: {join: {join_url: wss://example.net/x}}\n"
    )
    assert check.run(file, live=True, env={}) == 1
    told = capsys.readouterr().out.splitlines()
    assert f"failed   ultravox.api_url: {CLOSED}: Connection refused" in told
    assert "ok       PJSIP" in "\n".join(told)


@needs_redis
async def test_a_redis_that_is_there_is_told_by_its_version_and_another_by_what_is_wrong() -> None:
    async with RedisServer() as redis:
        (line,) = await probed(more=f"shared: {{redis: '{redis.url}'}}")
        assert re.fullmatch(r"ok shared\.redis: Redis [\d.]+ answers", line)
        await redis.stop()
        (line,) = await probed(more=f"shared: {{redis: '{redis.url}'}}")
        assert line.startswith("failed shared.redis: ")
