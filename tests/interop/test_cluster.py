"""Bridges behind Kamailio, as `deploy/kamailio` has it: spread, killed, drained, begun again."""

import asyncio
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from deploy.ports import free_port
from tests.cluster import edge
from tests.cluster.callers import Callers
from tests.cluster.house import House, available
from tests.cluster.places import Loopback, Namespaces
from tests.support.caller import Phone, describe
from tests.support.certificates import self_signed
from tests.support.kamailio import Kamailio
from tests.support.line import Line
from tests.support.waiting import until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(bool(available()), reason=available() or "Kamailio is there"),
]


def told(callers: Callers) -> Counter[tuple[int, str]]:
    """How many calls ended up where, of all so far."""
    return Counter((each.status, each.bridge) for each in callers.placed)


async def idle(house: House, name: str) -> bool:
    return await house.calls(name) == 0


async def test_calls_are_spread_outlive_a_death_and_a_rolling_restart_refuses_none(
    tmp_path: Path,
) -> None:
    async with House(tmp_path, Loopback()) as house, Callers(house) as callers:
        first = await callers.dial(6)
        assert told(callers) == {(200, "bridge-1"): 3, (200, "bridge-2"): 3}
        began = asyncio.get_running_loop().time()
        await until(lambda: all(each.talks(began) for each in first))

        # What a bridge orders goes out through the edge, and what is said within stays on it.
        await house.place("bridge-2", "+15550177")
        called = await callers.phone.called()
        assert called.invite is not None
        assert called.invite.start.startswith("INVITE sip:+15550177@")
        assert called.peer == house.edge
        async with Line(host=house.places.address("carrier")) as line:
            called.reply(called.invite, "200 OK", body=describe(line))
            await called.expect("ACK")
            assert called.invite.media[0] == house.places.address("bridge-2")
            await called.hang_up()

        # It may choose the carrier itself, whose challenge it answers.
        await house.place("bridge-1", "+15550188", trunk="carrier")
        called = await callers.phone.called()
        assert called.invite is not None
        assert called.peer == house.edge
        challenge = 'Proxy-Authenticate: Digest realm="acme",nonce="abc"'
        called.reply(called.invite, "407 Proxy Authentication Required", challenge)
        await called.expect("ACK")
        again = await called.expect("INVITE")
        assert again["Proxy-Authorization"].startswith('Digest username="account", realm="acme"')
        called.reply(again, "486 Busy Here")
        await called.expect("ACK")

        house.kill("bridge-1")
        later = await callers.dial(2)
        assert {(each.status, each.bridge) for each in later} == {(200, "bridge-2")}
        await until(lambda: len([each for each in first if each.lost]) == 3)
        assert {each.bridge for each in callers.placed if each.lost} == {"bridge-1"}

        await house.run_bridge("bridge-1")
        await house.active("bridge-1")
        house.drain("bridge-2")
        later = await callers.dial(3)
        assert {(each.status, each.bridge) for each in later} == {(200, "bridge-1")}
        await house.active("bridge-2", wanted=False)
        assert await house.calls("bridge-2") == 5
        await callers.hang_up([each for each in callers.placed if each.bridge == "bridge-2"])
        assert await house.gone("bridge-2") == 0
        assert "DLGLOAD: 3" in await house.kamcmd("dispatcher.list")

        # Calls go on without the edge, and what is said within them finds the next one.
        await house.restart_edge()
        began = asyncio.get_running_loop().time()
        await until(lambda: all(each.talks(began) for each in later))
        await callers.hang_up(later)
        await house.until(partial(idle, house, "bridge-1"), "bridge-1 to be idle")
        assert "CRITICAL" not in house.log("edge")
        assert not [line for line in house.log("edge").splitlines() if " ERROR: " in line]


async def test_where_no_bridge_has_room_callers_are_told_when_to_try_again(tmp_path: Path) -> None:
    change = {"sip": {"max_calls": 1}}
    up = ("bridge-1",)
    async with (
        House(tmp_path, Loopback(), change=change, up=up) as house,
        Callers(house) as callers,
    ):
        (first,) = await callers.dial(1)
        assert first.bridge == "bridge-1"
        (refused,) = await callers.dial(1)
        assert refused.status == 503
        assert refused.retry_after == "5"

        # Nobody else gets a word out of the edge, or through it, whatever Route they write.
        forged = f"Route: <sip:{house.edge[0]}:{house.edge[1]};lr>"
        async with Phone(host="127.0.0.9") as stranger, Line(host="127.0.0.9") as line:
            offer = describe(line)
            new = await stranger.invite(house.edge, offer, user="+15550000")
            within = await stranger.invite(house.edge, offer, user="+15550000")
            within.target = f"sip:+15550199@{callers.phone.address[0]}:{callers.phone.address[1]}"
            within.remote += ";tag=forged"
            within.reinvite(offer, forged)
            await asyncio.sleep(1)
            assert new.inbox.empty()
            assert within.inbox.empty()
            assert callers.phone._new.empty()
        assert "dropped: not in address.list" in house.log("edge")


@pytest.mark.parametrize("way", ["", ";transport=tls"])
async def test_the_edge_registers_with_a_carrier(tmp_path: Path, way: str) -> None:
    """Its one contact then stands for every bridge."""
    own = self_signed(tmp_path, name="edge")
    text = (edge.EDGE / "tls.cfg").read_text().replace("/etc/kamailio/tls", str(tmp_path))
    (tmp_path / "tls.cfg").write_text(text.replace("edge.key", own.private_key.name))
    (tmp_path / "authorities.pem").write_text(own.certificate.read_text())
    account = {"account": "s3cret-of-edge"}
    async with Kamailio(account, host="127.0.0.6", tls=own if way else None) as carrier:
        port = free_port()
        theirs = carrier.tls_port if way else carrier.port
        table = tmp_path / "dbtext"
        table.mkdir()
        (table / "version").write_text((edge.EDGE / "dbtext" / "version").read_text())
        row = (edge.EDGE / "dbtext" / "uacreg").read_text().splitlines()
        fields = (
            f"1:15550100:account:127.0.0.6:account:127.0.0.6:test:account:s3cret-of-edge::"
            f"sip\\:127.0.0.6\\:{theirs}{way}:60:0:0::"
        )
        (table / "uacreg").write_text(f"{row[0]}\n{fields}\n")
        config = edge.furnish(
            tmp_path,
            address="127.0.0.5",
            port=port,
            bridges=[("127.0.0.11", port)],
            carriers=[(carrier.host, carrier.port)],
            more=f'#!define REGISTER\n#!substdef "!@CONTACT@!127.0.0.5:{port}{way}!g"\n'
            + (f"#!define TLS\nlisten=tls:127.0.0.5:{port + 1}\n" if way else ""),
        )
        process = await asyncio.create_subprocess_exec(
            *edge.command(config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await until(lambda: "15550100" in _registered(tmp_path))
        finally:
            process.terminate()
            await process.wait()


def _registered(folder: Path) -> str:
    """The accounts that the edge is registered with."""
    words = ("kamcmd", "-s", f"unix:{folder}/kamailio_ctl", "uac.reg_dump")
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return told if "flags: 20" in told else ""


@pytest.mark.parametrize("registers", [False, True])
def test_the_configuration_that_operators_are_given_is_good(
    tmp_path: Path, registers: bool
) -> None:
    for file in edge.EDGE.glob("*.*"):
        text = file.read_text().replace("/etc/kamailio!", f"{tmp_path}!")
        if registers:
            text = text.replace("# #!", "#!")
        (tmp_path / file.name).write_text(text)
    words = ("kamailio", "-c", "-f", str(tmp_path / "kamailio.cfg"))
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr[-2000:]
    assert "CRITICAL" not in checked.stderr


@pytest.mark.skipif(bool(Namespaces.why_not()), reason=Namespaces.why_not() or "allowed")
def test_the_same_holds_with_a_network_for_each() -> None:
    words = (sys.executable, "-m", "tests.cluster.run", "--calls", "4", "--brief", "--namespaces")
    demo = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "callers of bridge-1 were told (BYE)" in demo.stdout
