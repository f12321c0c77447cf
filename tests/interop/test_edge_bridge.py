"""A real bridge behind the edge of `deploy/kamailio`: other networks, TLS, transfers.

Phone ── SIP ── Kamailio ── SIP ── service
   └────────── RTP ───────────────────┘
"""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.ports import free_port
from tests.cluster import edge
from tests.cluster.house import available
from tests.cluster.lone_edge import LoneEdge
from tests.cluster.row import CARRIER, tag
from tests.support.caller import Message, Phone, SipCall, describe
from tests.support.certificates import self_signed
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import HOME, Bridge, running
from tests.support.stream_phone import StreamPhone

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(bool(available()), reason=available() or "Kamailio is there"),
]

EDGE = "127.0.0.5"
PITCH = 1050


def trunk(port: int, **fields: Any) -> dict[str, Any]:
    """The bridge's only trunk: the edge, which all its requests go through."""
    place = f"sip:{EDGE}:{port}"
    plain = {"hosts": [EDGE], "address": place, "outbound_proxy": f"{place};lr"}
    return {"pbx": None, "edge": plain | fields}


@contextlib.asynccontextmanager
async def behind(
    folder: Path, *carriers: Phone, change: dict[str, Any] | None = None, more: str = ""
) -> AsyncIterator[tuple[LoneEdge, Bridge, Phone]]:
    """The edge, a bridge behind it, and a telephone in place of another bridge."""
    port = free_port()
    allowed = {"accept_refer": True, "accept_replaces": True}
    settings: dict[str, Any] = {"trunks": trunk(port, **allowed), **(change or {})}
    async with (
        running(folder, settings) as bridge,
        Phone(host="127.0.0.12") as other,
        LoneEdge(
            folder,
            port=port,
            bridges=(bridge.address, other.address),
            carriers=[phone.address for phone in carriers],
            more=more,
        ) as lone,
    ):
        await gives_calls(lone, other, "i")
        yield lone, bridge, other


async def gives_calls(lone: LoneEdge, bridge: Phone, state: str) -> None:
    """Whether the edge gives a bridge calls: a, active; i, inactive."""
    host, port = bridge.address
    await lone.kamcmd("dispatcher.set_state", state, "1", f"sip:{host}:{port}")


async def told(call: SipCall, wanted: str) -> Message:
    """Wait for the NOTIFY that says so, and answer all on the way."""
    while True:
        message = await call.next()
        if message.method == "NOTIFY" and not message.code:
            call.reply(message, "200 OK")
            if wanted in message.body:
                return message


async def test_media_of_ipv6_goes_past_an_edge_that_reaches_the_bridge_by_ipv4(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with Phone(host="::1") as carrier:
        change = {"media": {"bind_address": "::"}}
        more = f"listen=udp:[::1]:{port}\n"
        async with behind(tmp_path, carrier, change=change, more=more) as (_, bridge, _other):
            line = Line(host="::1")
            async with carrier.call(("::1", port), line=line, pitch=PITCH) as call:
                assert line.remote is not None
                assert line.remote[0] == "::1"
                await line.speech()
                assert heard(await line.listen(0.3), PITCH) == {PITCH}
                ours = await bridge.answered()
                await bridge.post(f"/v1/calls/{ours.id}/hangup")
                await call.ended()


async def test_tls_on_both_sides_of_the_edge(tmp_path: Path) -> None:
    own = self_signed(tmp_path, name="edge", address=EDGE)
    theirs = self_signed(tmp_path, name="bridge", address=HOME)
    text = (edge.EDGE / "tls.cfg").read_text().replace("/etc/kamailio/tls", str(tmp_path))
    (tmp_path / "tls.cfg").write_text(text.replace("edge.key", own.private_key.name))
    (tmp_path / "authorities.pem").write_text(theirs.certificate.read_text())
    port, bridge_port = free_port(), free_port()
    change = {
        "sip": {
            "listen": [f"tls://{HOME}:{bridge_port}"],
            "tls": {
                "certificate": str(theirs.certificate),
                "private_key": str(theirs.private_key),
                "ca_file": str(own.certificate),
            },
        },
        "trunks": {
            "pbx": None,
            # Kamailio connects from the address that leads there, which on loopback is not its own.
            "edge": {"hosts": [EDGE, HOME], "address": f"sip:{EDGE}:{port};transport=tls"},
        },
    }
    trust = ssl.create_default_context(cafile=str(own.certificate))
    async with (
        running(tmp_path, change) as bridge,
        Phone(host=CARRIER) as plain,
        LoneEdge(
            tmp_path,
            bridges=((HOME, bridge_port),),
            carriers=(plain.address,),
            more=f"#!define TLS\nlisten=tls:{EDGE}:{port}\n",
            way=";transport=tls",
        ) as lone,
        StreamPhone((EDGE, port), tls=trust) as phone,
    ):
        async with phone.call((EDGE, port), pitch=PITCH) as call:
            await call.line.speech()
            assert heard(await call.line.listen(0.3), PITCH) == {PITCH}
        async with phone.call((EDGE, port), pitch=PITCH) as call:
            ours = await bridge.answered()
            await bridge.post(f"/v1/calls/{ours.id}/hangup")
            await call.ended()
        # Out: over TLS to the edge, and on as the carrier of set 2 wants it.
        await bridge.post("/v1/calls", {"to": "+15550100", "agent": "echo"})
        await plain.refuse("486 Busy Here")
        assert " ERROR: " not in lone.log


async def test_whom_a_carrier_refers_to_is_called_through_the_edge(tmp_path: Path) -> None:
    async with (
        Phone(host=CARRIER) as carrier,
        behind(tmp_path, carrier) as (lone, bridge, _other),
        Line(host=CARRIER) as line,
        carrier.call(lone.address, pitch=PITCH) as call,
    ):
        await bridge.answered()
        call.send("REFER", f"Refer-To: <sip:+15550177@{carrier.address[0]}:{carrier.address[1]}>")
        await call.expect(202)
        called = await carrier.answer(line)
        assert called.peer == lone.address
        await told(call, "200 OK")
        await call.ended()
        line.talk(called.invite.media, pitch=PITCH)  # type: ignore[union-attr]
        await line.speech()
        await called.hang_up()


async def test_an_attended_transfer_onto_a_call_of_another_bridge_reaches_that_bridge(
    tmp_path: Path,
) -> None:
    async with (
        Phone(host=CARRIER) as carrier,
        behind(tmp_path, carrier) as (lone, bridge, other),
        Line(host="127.0.0.12") as line,
        carrier.call(lone.address, pitch=PITCH) as call,
    ):
        await bridge.answered()
        await gives_calls(lone, other, "a")
        second = await carrier.invite(lone.address, describe(call.line))
        theirs = await other.called()
        assert theirs.invite is not None
        theirs.reply(theirs.invite, "200 OK", body=describe(line))
        await second.expect(200)
        second.ack()
        await theirs.expect("ACK")
        replaced = f"{second.id}%3Bto-tag%3D{tag(second.remote)}%3Bfrom-tag%3D{tag(second.local)}"
        call.send("REFER", f"Refer-To: <{second.target}?Replaces={replaced}>")
        await call.expect(202)
        asked = await other.called()
        assert asked.invite is not None
        assert asked.peer == lone.address
        assert asked.invite["Replaces"].startswith(second.id)
        assert asked.invite["X-Carrier"] == ""
        asked.reply(asked.invite, "200 OK", body=describe(line))
        await asked.expect("ACK")
        await told(call, "200 OK")
        await call.ended()
        await asked.hang_up()


async def test_a_bridge_refers_a_carrier_and_hears_what_came_of_it(tmp_path: Path) -> None:
    async with (
        Phone(host=CARRIER) as carrier,
        behind(tmp_path, carrier) as (lone, bridge, _other),
        carrier.call(lone.address, pitch=PITCH) as call,
    ):
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "+15550177"})
        refer = await call.expect("REFER")
        assert "+15550177" in refer["Refer-To"]
        call.reply(refer, "202 Accepted")
        call.send(
            "NOTIFY",
            "Event: refer",
            "Subscription-State: terminated;reason=noresource",
            body="SIP/2.0 200 OK\r\n",
            kind="message/sipfrag;version=2.0",
        )
        await call.ended()
    assert (await bridge.record())["transfers"][0]["done"]


async def test_an_order_goes_to_the_carrier_that_the_edge_chooses(tmp_path: Path) -> None:
    """Its Route and its address both name the edge."""
    async with (
        Phone(host=CARRIER) as carrier,
        behind(tmp_path, carrier) as (lone, bridge, _other),
    ):
        await bridge.post("/v1/calls", {"to": "+15550177", "agent": "echo"})
        called = await carrier.refuse("486 Busy Here")
        assert called.invite is not None
        assert called.invite.start.startswith("INVITE sip:+15550177@")
        assert called.peer == lone.address
        assert (await bridge.record())["outcome"]["cause"] == "busy"
