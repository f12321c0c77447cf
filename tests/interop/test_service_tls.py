"""Mutual TLS: a carrier that asks who we are, and telephones that we ask."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from deploy.ports import free_port
from tests.support.caller import Phone, describe
from tests.support.certificates import PemFiles, issued, self_signed
from tests.support.kamailio import Kamailio, needs_kamailio
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import HOME, Bridge, running
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.interop

GATEWAY = "127.0.0.4"
USERS = {"bridge": "s3cret-of-bridge"}


@pytest.fixture
def authority(tmp_path: Path) -> PemFiles:
    """The carrier's own: it signs the carrier's certificate and its customers'."""
    return self_signed(tmp_path, name="carrier-authority")


def carrier(registrar: Kamailio, **tls: Path) -> dict[str, Any]:
    return {
        "registrar": f"sip:{registrar.host}:{registrar.tls_port};transport=tls",
        "username": "bridge",
        "password": USERS["bridge"],
        "tls": {name: str(path) for name, path in tls.items()},
    }


def asking(folder: Path, authority: PemFiles, gateway: tuple[str, int]) -> Kamailio:
    """A carrier that takes TLS connections from its customers only."""
    own = issued(folder, authority, name="carrier", address="127.0.0.2")
    return Kamailio(USERS, gateway=gateway, tls=own, clients=authority)


async def settles(bridge: Bridge, trunk: str, state: str) -> None:
    service = bridge.service
    await until(lambda: service.registrations[trunk].state.value == state)


@needs_kamailio
async def test_a_carrier_that_asks_for_a_certificate_gets_the_trunks_own(
    tmp_path: Path, authority: PemFiles
) -> None:
    ours = issued(tmp_path, authority, name="customer")
    gateway = (GATEWAY, free_port())
    async with asking(tmp_path, authority, gateway) as registrar:
        ca = authority.certificate
        change = {
            "trunks": {
                "pbx": None,
                "carrier": carrier(
                    registrar,
                    ca_file=ca,
                    certificate=ours.certificate,
                    private_key=ours.private_key,
                ),
                "nameless": carrier(registrar, ca_file=ca),
                "distrustful": carrier(
                    registrar, certificate=ours.certificate, private_key=ours.private_key
                ),
            },
            "routes": [{"trunk": "carrier", "to": "bridge", "agent": "echo"}],
        }
        async with (
            running(tmp_path, change) as bridge,
            Phone(host=GATEWAY, port=gateway[1]) as phone,
        ):
            await settles(bridge, "carrier", "registered")
            await settles(bridge, "nameless", "unreachable")
            await settles(bridge, "distrustful", "unreachable")

            address = (registrar.host, registrar.port)
            async with phone.call(address, user="bridge", pitch=1050) as call:
                await call.line.speech()
                assert heard(await call.line.listen(0.3), 1050) == {1050}
            record = await bridge.record()
            assert (record["trunk"], record["outcome"]["cause"]) == ("carrier", "caller-hung-up")

            order = {"to": "+15550100", "agent": "echo", "trunk": "carrier"}
            await bridge.post("/v1/calls", order)
            async with Line() as line:
                asked = await phone.called()
                assert asked.invite is not None
                asked.reply(asked.invite, "200 OK", body=describe(line))
                await asked.expect("ACK")
                line.talk(asked.invite.media, pitch=1330)
                await line.speech()
                await asked.hang_up()
            assert (await bridge.record())["outcome"]["cause"] == "callee-hung-up"


async def test_who_connects_without_a_certificate_is_sent_away_where_one_is_required(
    tmp_path: Path, authority: PemFiles
) -> None:
    ours = issued(tmp_path, authority, name="bridge")
    known = issued(tmp_path, authority, name="customer")
    stranger = self_signed(tmp_path, name="stranger")
    tls = {
        "certificate": str(ours.certificate),
        "private_key": str(ours.private_key),
        "ca_file": str(authority.certificate),
        "require_client_certificate": True,
    }
    async with running(tmp_path, {"sip": {"listen": [f"tls://{HOME}:0"], "tls": tls}}) as bridge:
        assert await asks_for_options(bridge, authority, known)
        assert not await asks_for_options(bridge, authority, stranger)
        assert not await asks_for_options(bridge, authority, None)


async def asks_for_options(bridge: Bridge, authority: PemFiles, shown: PemFiles | None) -> bool:
    """Whether a request over TLS is answered, whatever the answer."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.private_key)
    host, port = bridge.address
    lines = (
        f"OPTIONS sip:{host} SIP/2.0",
        f"Via: SIP/2.0/TLS {HOME}:5061;branch=z9hG4bK1;rport",
        f"From: <sip:ann@{HOME}>;tag=1",
        f"To: <sip:{host}>",
        "Call-ID: options",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = await reader.read(100)
            writer.close()
    except OSError:
        return False
    return answer.startswith(b"SIP/2.0 ")
