"""The edge of `deploy/kamailio` over TLS, between IP versions, and with a second one beside it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from deploy.ports import free_port
from tests.cluster import edge
from tests.cluster.house import available
from tests.cluster.lone_edge import LoneEdge
from tests.cluster.row import CARRIER, OFFER, Row, record_routes, row
from tests.support.caller import Phone, describe
from tests.support.certificates import self_signed
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import running
from tests.support.stream_phone import StreamPhone

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(bool(available()), reason=available() or "Kamailio is there"),
]


PITCH = 1050


@dataclass(frozen=True, kw_only=True)
class Secured:
    """A row whose edge has TLS, where, and the authority to verify it by."""

    row: Row
    secure: tuple[str, int]
    trust: ssl.SSLContext


@contextlib.asynccontextmanager
async def over_tls(folder: Path) -> AsyncIterator[Secured]:
    port = free_port()
    own = self_signed(folder, name="edge", address="127.0.0.5")
    text = (edge.EDGE / "tls.cfg").read_text().replace("/etc/kamailio/tls", str(folder))
    (folder / "tls.cfg").write_text(text.replace("edge.key", own.private_key.name))
    (folder / "authorities.pem").write_text(own.certificate.read_text())
    more = f"#!define TLS\nlisten=tls:127.0.0.5:{port}\n"
    async with row(folder, more=more) as here:
        trust = ssl.create_default_context(cafile=str(own.certificate))
        yield Secured(row=here, secure=("127.0.0.5", port), trust=trust)


@pytest.mark.parametrize("scheme", ["sip", "sips"])
async def test_a_carrier_over_tls_is_called_back_over_its_connection(
    tmp_path: Path, scheme: str
) -> None:
    async with (
        over_tls(tmp_path) as here,
        StreamPhone(here.secure, host=CARRIER, tls=here.trust, scheme=scheme) as phone,
    ):
        call, taken = await here.row.up(phone)
        invite = taken.invite
        assert invite is not None
        assert invite.start.startswith("INVITE sip:1000@")
        inner, outer = record_routes(taken)
        host, port = here.row.edge.address
        assert inner.startswith(f"<sip:{host}:{port};r2=on;lr")
        assert outer.startswith(f"<sip:{host}:{here.secure[1]};transport=tls;r2=on;lr")
        taken.routes = [inner, outer]
        taken.reinvite(OFFER)
        offer = await call.expect("INVITE")
        call.reply(offer, "200 OK", body=OFFER)
        await taken.expect(200)
        taken.ack()
        await call.expect("ACK")
        await taken.hang_up()
        assert call.bye is not None
        call, taken = await here.row.up(phone)
        await call.hang_up()
        assert taken.bye is not None


async def test_a_carrier_of_ipv6_reaches_bridges_of_ipv4_and_is_reached(tmp_path: Path) -> None:
    async with (
        Phone(host="127.0.0.11") as bridge,
        Phone(host="::1") as carrier,
        LoneEdge(
            tmp_path,
            bridges=(bridge.address,),
            carriers=(carrier.address,),
            more=f"listen=udp:[::1]:{(port := free_port())}\n",
        ) as edge,
        Line(host="::1") as line,
    ):
        offer = describe(line)
        call = await carrier.invite(("::1", port), offer)
        taken = await bridge.called()
        assert taken.invite is not None
        assert taken.invite.body == offer
        inner, outer = record_routes(taken)
        assert inner.startswith(f"<sip:{edge.host}:{edge.port};r2=on;lr")
        assert outer.startswith(f"<sip:[::1]:{port};r2=on;lr")
        taken.routes = [inner, outer]
        taken.reply(taken.invite, "200 OK", body=offer)
        await call.expect(200)
        call.ack()
        await taken.expect("ACK")
        await taken.hang_up()
        assert call.bye is not None

        # And out: the bridge asks the edge, which calls the carrier of set 2.
        await bridge.invite(edge.address, OFFER, user="+15550100")
        called = await carrier.called()
        assert called.invite is not None
        assert called.peer == ("::1", port)
        called.reply(called.invite, "486 Busy Here")


async def test_two_edges_share_bridges_and_one_takes_the_address_of_the_other(
    tmp_path: Path,
) -> None:
    """A call keeps to the edge that it came by: its address has to live on (keepalived)."""
    one, two, heir = (tmp_path / name for name in ("one", "two", "heir"))
    for folder in (one, two, heir):
        folder.mkdir()
    async with row(one) as here:
        another = partial(
            LoneEdge,
            bridges=[phone.address for phone in here.bridges],
            carriers=[here.carrier.address],
        )
        async with another(two, host="127.0.0.6") as second:
            there = Row(second, here.carrier, here.bridges)
            ours, theirs = await here.up()
            await (await there.up())[0].hang_up()

            await here.edge.kill()
            call, taken = await there.up()
            taken.routes = record_routes(taken)
            await taken.hang_up()
            assert call.bye is not None

            address = here.edge.address
            async with another(heir, host=address[0], port=address[1]):
                theirs.routes = record_routes(theirs)
                theirs.reinvite(OFFER)
                offer = await ours.expect("INVITE")
                ours.reply(offer, "200 OK", body=OFFER)
                await theirs.expect(200)
                theirs.ack()
                await ours.expect("ACK")
                await ours.hang_up()
                assert theirs.bye is not None


async def test_a_bridge_that_the_edge_reaches_by_ipv6_serves_carriers_of_ipv4(
    tmp_path: Path,
) -> None:
    port, inner = free_port(), free_port()
    place = f"sip:[::1]:{inner}"
    change = {
        "sip": {"listen": ["udp://[::1]:0"], "public_address": "auto"},
        "media": {"bind_address": "::"},
        "trunks": {
            "pbx": None,
            "edge": {"hosts": ["::1"], "address": place, "outbound_proxy": f"{place};lr"},
        },
    }
    async with (
        Phone(host=CARRIER) as carrier,
        running(tmp_path, change) as bridge,
        LoneEdge(
            tmp_path,
            port=port,
            bridges=(bridge.address,),
            carriers=(carrier.address,),
            more=f"listen=udp:[::1]:{inner}\n",
            asked=True,
        ) as lone,
    ):
        for ends in ("carrier", "bridge"):
            async with carrier.call(lone.address, pitch=PITCH) as call:
                await call.line.speech()
                assert heard(await call.line.listen(0.3), PITCH) == {PITCH}
                ours = await bridge.answered()
                if ends == "bridge":
                    await bridge.post(f"/v1/calls/{ours.id}/hangup")
                    await call.ended()
            await bridge.idle()
        # It was asked how it fares, calls out, and drains.
        uri = f"sip:[::1]:{bridge.address[1]}"
        assert edge.states(await lone.kamcmd("dispatcher.list"))[uri] == "AP"
        await lone.kamcmd("htable.seti", "silent", "bridge-1", "1")
        for _ in range(50):  # until its next OPTIONS
            if "bridge-1" not in (told := await lone.kamcmd("htable.dump", "silent")):
                break
            await asyncio.sleep(0.1)
        assert "bridge-1" not in told
        await bridge.post("/v1/calls", {"to": "+15550177", "agent": "echo"})
        called = await carrier.refuse("486 Busy Here")
        assert called.peer == lone.address
        await bridge.post("/v1/drain")
        refused = await carrier.invite(lone.address, describe(Line(host=CARRIER)), user="1000")
        assert (await refused.final()).code == 503
        assert " ERROR: " not in lone.log
