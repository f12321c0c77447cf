"""The whole service behind Kamailio: registered with digest, called and calling through it."""

import logging
from pathlib import Path
from typing import Any

import pytest

from deploy.ports import free_port
from tests.support.caller import Phone, describe
from tests.support.kamailio import Kamailio, needs_kamailio
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge, running
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, needs_kamailio]

GATEWAY = "127.0.0.4"
USERS = {"bridge": "s3cret-of-bridge", "auth-7": "s3cret-of-seven"}
REGISTERED = 'bridge_trunk_registered{trunk="carrier"}'


def through(registrar: Kamailio, /, **fields: Any) -> dict[str, Any]:
    """A configuration with the registrar as its carrier."""
    carrier = {
        "registrar": f"sip:{registrar.host}:{registrar.port}",
        "username": "bridge",
        "password": USERS["bridge"],
        **fields,
    }
    return {
        "trunks": {"pbx": None, "carrier": carrier},
        "routes": [{"trunk": "carrier", "to": "bridge", "agent": "echo"}],
    }


async def becomes(bridge: Bridge, *states: str) -> None:
    """Wait for the carrier to be in one of these states."""
    service = bridge.service
    await until(lambda: service.registrations["carrier"].state.value in states)


async def test_a_registered_service_is_called_and_calls_with_its_credentials(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    gateway = (GATEWAY, free_port())
    async with Kamailio(USERS, gateway=gateway) as registrar:
        change = through(registrar, auth_username="auth-7", password=USERS["auth-7"])
        async with (
            running(tmp_path, change) as bridge,
            Phone(host=GATEWAY, port=gateway[1]) as phone,
        ):
            await becomes(bridge, "registered")
            assert (await bridge.metrics())[REGISTERED] == 1
            (trunk,) = await bridge.get("/v1/trunks")
            assert (trunk["trunk"], trunk["state"], trunk["code"]) == ("carrier", "registered", 200)
            assert 0 < trunk["expires_s"] <= 300
            assert any("trunk carrier is registered" in line for line in caplog.messages)

            address = (registrar.host, registrar.port)
            async with phone.call(address, user="bridge", pitch=1050) as call:
                await call.line.speech()
                assert heard(await call.line.listen(0.3), 1050) == {1050}
            record = await bridge.record()
            assert (record["trunk"], record["outcome"]["cause"]) == ("carrier", "caller-hung-up")

            await bridge.post("/v1/calls", {"to": "+15550100", "agent": "echo"})
            async with Line() as line:
                asked = await phone.called()
                assert asked.invite is not None
                assert asked.invite.start.startswith("INVITE sip:+15550100@")
                assert f"<sip:bridge@{registrar.host}>" in asked.invite["From"]
                asked.reply(asked.invite, "180 Ringing")
                asked.reply(asked.invite, "200 OK", body=describe(line))
                await asked.expect("ACK")
                line.talk(asked.invite.media, pitch=1330)
                await line.speech()
                await asked.hang_up()
            record = await bridge.record()
            assert record["outcome"]["cause"] == "callee-hung-up"
            await bridge.idle()
        assert any("trunk carrier is unregistered" in line for line in caplog.messages)


async def test_a_wrong_password_is_one_line_and_a_state(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with (
        Kamailio(USERS) as registrar,
        running(tmp_path, through(registrar, password="wrong-one")) as bridge,
    ):
        await becomes(bridge, "rejected")
        assert (await bridge.metrics())[REGISTERED] == 0
        (trunk,) = await bridge.get("/v1/trunks")
        assert trunk["state"] == "rejected"
        assert trunk["code"] in (401, 403)
        assert trunk["retry_in_s"] > 0
    (line,) = [each for each in caplog.messages if "rejected" in each]
    assert "carrier" in line
    assert "wrong-one" not in caplog.text


async def test_a_registrar_that_is_down_at_first_is_found_without_a_restart(
    tmp_path: Path,
) -> None:
    registrar = Kamailio(USERS)
    uri = f"sip:{registrar.host}:{registrar.port};transport=tcp"
    async with running(tmp_path, through(registrar, registrar=uri)) as bridge:
        await becomes(bridge, "unreachable")
        assert (await bridge.metrics())[REGISTERED] == 0
        async with registrar:
            await becomes(bridge, "registered")
            assert (await bridge.metrics())[REGISTERED] == 1
            # A trunk that goes away later is noticed by its connection, and found again.
            await registrar.stop()
            await becomes(bridge, "registering", "unreachable", "expired")
            await registrar.start()
            await becomes(bridge, "registered")
