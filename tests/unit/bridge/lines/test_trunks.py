import logging
import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from bridge.config import Config, parse
from bridge.lines.trunks import sip_trunks
from sip.tls import TlsFiles
from sip.trunk import Srtp, Trunk
from tests.support.certificates import self_signed


def config(trunk: str) -> Config:
    return parse(
        f"""
sip: {{session_expires_s: 600}}
ultravox: {{api_key: k}}
trunks: {{t: {trunk}}}
agents: {{echo: {{agent_id: echo}}}}
""",
        {},
    )


async def sole(trunk: str) -> Trunk:
    (found,) = await sip_trunks(config(trunk))
    return found


async def test_a_registered_trunk_carries_all_it_was_given() -> None:
    trunk = await sole(
        "{registrar: 'sip:a.example', username: u, auth_username: au, password: p, realm: r,"
        " from_user: f, domain: d.example, outbound_proxy: 'sip:p.example', expires_s: 120,"
        " address: 'sip:b.example', ring_timeout_s: 7, srtp: required}"
    )
    assert trunk == Trunk(
        name="t",
        registrar="sip:a.example",
        username="u",
        auth_username="au",
        password="p",
        realm="r",
        from_user="f",
        domain="d.example",
        outbound_proxy="sip:p.example",
        address="sip:b.example",
        expires_s=120,
        session_expires_s=600,
        ring_timeout_s=7.0,
        srtp=Srtp.REQUIRED,
    )


async def test_a_trunks_own_tls_is_laid_over_that_of_all_and_absent_where_it_says_nothing(
    tmp_path: Path,
) -> None:
    for name in ("own", "key"):
        (tmp_path / name).touch()
    self_signed(tmp_path).certificate.rename(tmp_path / "all")
    text = """
sip: {tls: {ca_file: all, verify: false}}
ultravox: {api_key: k}
trunks:
  plain: {address: "sip:a;transport=tls", hosts: [192.0.2.1]}
  mutual:
    address: "sip:b;transport=tls"
    hosts: [192.0.2.2]
    tls: {certificate: own, private_key: key, verify: true}
agents: {echo: {agent_id: echo}}
"""
    plain, mutual = await sip_trunks(parse(text, {}, folder=tmp_path))
    assert plain.tls is None
    assert mutual.tls == TlsFiles(
        certificate=str(tmp_path / "own"),
        private_key=str(tmp_path / "key"),
        ca_file=str(tmp_path / "all"),
        verify=True,
    )


async def test_host_names_become_addresses() -> None:
    trunk = await sole("{hosts: [localhost, 192.0.2.0/24]}")
    assert ip_network("127.0.0.1") in trunk.hosts
    assert ip_network("192.0.2.0/24") in trunk.hosts


async def test_calls_go_to_the_only_host_name() -> None:
    assert (await sole("{hosts: [localhost]}")).address == "sip:localhost"
    assert (await sole("{hosts: [localhost, 192.0.2.1]}")).address is None
    assert (await sole("{hosts: [192.0.2.1]}")).address is None


async def test_a_host_name_without_an_address_is_logged_and_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with caplog.at_level(logging.WARNING):
        trunk = await sole("{hosts: [pbx.invalid, 192.0.2.1]}")
    assert trunk.hosts == (ip_network("192.0.2.1"),)
    assert "trunk t: calls from pbx.invalid are refused: Name or service" in caplog.text
