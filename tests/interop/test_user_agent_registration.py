"""Registrations and calls through Kamailio with digest authentication."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from deploy.ports import free_port
from sip import (
    Answered,
    Listen,
    MediaAddress,
    Registration,
    RegistrationState,
    Settings,
    Trunk,
    UserAgent,
)
from tests.support.dns import SRV, name_server
from tests.support.exchange import HOME, exchange, next_event, until_ended
from tests.support.kamailio import Kamailio, needs_kamailio
from tests.support.scenario import (
    BYE,
    ack,
    ack_failure,
    audio,
    invite,
    pause,
    recv,
    recv_invite,
    response,
    scenario,
    send,
)
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.interop, needs_kamailio]

State = RegistrationState
UDP = Listen(host=HOME, port=0)
TCP = Listen(transport="tcp", host=HOME, port=0)
USERS = {"bridge": "s3cret", "second": "other", "auth-7": "s3cret"}


def trunk(server: Kamailio, /, **fields: object) -> Trunk:
    values: dict[str, object] = {
        "name": "carrier",
        "registrar": f"sip:{server.host}:{server.port}",
        "username": "bridge",
        "password": "s3cret",
        **fields,
    }
    return Trunk(**values)  # type: ignore[arg-type]


def settings(*trunks: Trunk, listen: Listen = UDP) -> Settings:
    return Settings(listen=(listen,), trunks=trunks)


async def until(
    agent: UserAgent, wanted: Callable[[Registration], bool], name: str = "carrier"
) -> Registration:
    """Wait for a registration to be as wanted."""
    for _ in range(500):
        registration = agent.trunks[name]
        if wanted(registration):
            return registration
        await asyncio.sleep(0.02)
    raise AssertionError(f"never came: {registration}")


def is_in(state: State) -> Callable[[Registration], bool]:
    return lambda registration: registration.state is state


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_trunk_registers_and_unregisters(algorithm: str) -> None:
    async with Kamailio(USERS, algorithm=algorithm) as registrar:
        async with exchange(settings(trunk(registrar))) as ours:
            registration = await until(ours.agent, is_in(State.REGISTERED))
            assert registration.code == 200
            assert registration.expires_s is not None
            assert 290 < registration.expires_s <= 300
        assert ours.agent.trunks["carrier"].state is State.UNREGISTERED


async def test_trunks_register_side_by_side_with_authentication_users_of_their_own() -> None:
    async with Kamailio(USERS) as registrar:
        first = trunk(registrar, auth_username="auth-7")
        second = trunk(registrar, name="second", username="second", password="other")
        async with exchange(settings(first, second)) as ours:
            await until(ours.agent, is_in(State.REGISTERED))
            await until(ours.agent, is_in(State.REGISTERED), "second")


async def test_registration_over_tcp_through_an_outbound_proxy() -> None:
    async with Kamailio(USERS) as registrar:
        proxy = f"sip:{registrar.host}:{registrar.port};transport=tcp"
        carrier = trunk(registrar, registrar="sip:carrier.invalid", outbound_proxy=proxy)
        async with exchange(settings(carrier, listen=TCP)) as ours:
            await until(ours.agent, is_in(State.REGISTERED))


async def test_a_longer_interval_is_used_when_the_registrar_asks_for_it() -> None:
    async with (
        Kamailio(USERS, min_expires=600) as registrar,
        exchange(settings(trunk(registrar, expires_s=60))) as ours,
    ):
        registration = await until(ours.agent, is_in(State.REGISTERED))
    assert registration.expires_s is not None
    assert registration.expires_s > 500


async def test_a_binding_is_refreshed_before_it_ends() -> None:
    async with (
        Kamailio(USERS, max_expires=3) as registrar,
        exchange(settings(trunk(registrar))) as ours,
    ):
        await until(ours.agent, is_in(State.REGISTERED))
        await asyncio.sleep(4)
        assert ours.agent.trunks["carrier"].state is State.REGISTERED


async def test_a_wrong_password_is_told_and_tried_again_later() -> None:
    async with (
        Kamailio(USERS) as registrar,
        exchange(settings(trunk(registrar, password="wrong"))) as ours,
    ):
        registration = await until(ours.agent, is_in(State.REJECTED))
    assert registration.code in (401, 403)
    assert registration.retry_in_s is not None
    assert registration.retry_in_s > 1


async def test_a_challenge_of_another_realm_than_the_trunks_names_the_setting() -> None:
    async with (
        Kamailio(USERS) as registrar,
        exchange(settings(trunk(registrar, realm="elsewhere"))) as ours,
    ):
        registration = await until(ours.agent, is_in(State.REJECTED))
    assert registration.reason.endswith("asks for a realm that is not the trunk's `realm`")


async def test_an_unreachable_registrar_is_told_and_found_when_it_comes_back() -> None:
    registrar = Kamailio(USERS)
    carrier = trunk(registrar, registrar=f"sip:{registrar.host}:{registrar.port};transport=tcp")
    async with exchange(settings(carrier, listen=TCP)) as ours:
        registration = await until(ours.agent, is_in(State.UNREACHABLE))
        assert registration.code == 503
        async with registrar:
            await until(ours.agent, is_in(State.REGISTERED))


async def test_a_lost_connection_is_registered_again() -> None:
    async with Kamailio(USERS) as registrar:
        address = f"sip:{registrar.host}:{registrar.port};transport=tcp"
        async with exchange(settings(trunk(registrar, registrar=address), listen=TCP)) as ours:
            await until(ours.agent, is_in(State.REGISTERED))
            await registrar.stop()
            await until(ours.agent, lambda r: r.state is not State.REGISTERED)
            await registrar.start()
            await until(ours.agent, is_in(State.REGISTERED))


async def test_a_carrier_is_found_by_its_srv_record() -> None:
    async with Kamailio(USERS) as registrar:
        records = {"_sip._udp.carrier.test": [("edge.carrier.test", registrar.port)]}
        async with name_server(a={"edge.carrier.test": registrar.host}, srv=records) as (
            dns,
            asked,
        ):
            carrier = trunk(registrar, registrar="sip:carrier.test")
            async with exchange(replace(settings(carrier), nameservers=(dns,))) as ours:
                await until(ours.agent, is_in(State.REGISTERED))
    assert asked[0] == ("_sip._udp.carrier.test", SRV)


async def test_a_name_that_does_not_resolve_makes_the_trunk_unreachable() -> None:
    async with name_server(a={}, srv={}) as (dns, _):
        carrier = trunk(Kamailio(USERS), registrar="sip:carrier.test")
        async with exchange(replace(settings(carrier), nameservers=(dns,))) as ours:
            registration = await until(ours.agent, is_in(State.UNREACHABLE))
    assert registration.reason


GATEWAY = "127.0.0.4"


@needs_sipp
async def test_a_call_to_the_registered_user_comes_in_by_its_trunk() -> None:
    steps = (
        send(invite(audio(), user="second")),
        recv(100, optional=True),
        recv(180),
        recv(200),
        send(ack()),
        pause(100),
        *BYE,
    )
    async with Kamailio(USERS, gateway=(GATEWAY, 5060)) as registrar:
        first = trunk(registrar)
        second = trunk(registrar, name="second", username="second", password="other")
        async with exchange(settings(first, second)) as ours:
            await until(ours.agent, is_in(State.REGISTERED))
            await until(ours.agent, is_in(State.REGISTERED), "second")
            remote = (registrar.host, registrar.port)
            async with Sipp(scenario(*steps), host=GATEWAY, remote=remote) as caller:
                leg = await ours.leg()
                assert leg.trunk == "second"
                await leg.ring()
                await leg.answer()
                events = await until_ended(leg)
                await caller.done()
    assert Answered in [type(event) for event in events]


@needs_sipp
async def test_a_registered_trunk_is_a_stranger_before_it_is_registered() -> None:
    steps = (send(invite(audio())), recv(100, optional=True), recv(403), send(ack_failure()))
    async with (
        Kamailio(USERS) as registrar,
        exchange(settings(trunk(registrar, password="wrong"))) as ours,
    ):
        await until(ours.agent, is_in(State.REJECTED))
        async with Sipp(scenario(*steps), host="127.0.0.2", remote=ours.address) as caller:
            await caller.done()


@needs_sipp
async def test_a_call_is_placed_with_credentials() -> None:
    steps = (
        recv_invite(),
        send(response("180 Ringing")),
        send(response("200 OK", body=audio("0 101"))),
        recv("ACK"),
        recv("BYE"),
        send(response("200 OK", tag=False)),
    )
    gateway = (GATEWAY, free_port())
    async with (
        Sipp(scenario(*steps), host=gateway[0], port=gateway[1]) as callee,
        Kamailio(USERS, gateway=gateway) as registrar,
        exchange(settings(trunk(registrar))) as ours,
    ):
        await until(ours.agent, is_in(State.REGISTERED))
        media = MediaAddress(host=HOME, port=42000)
        leg = await ours.agent.dial("carrier", "+442012345", media=media)
        await next_event(leg, Answered)
        await leg.hang_up()
        await callee.done()
    invited = callee.received("INVITE")
    assert f"From: <sip:bridge@{registrar.host}>" in invited


@needs_sipp
async def test_a_call_with_wrong_credentials_ends_with_401_or_407() -> None:
    async with Kamailio(USERS) as registrar:
        carrier = replace(trunk(registrar, password="wrong"), registrar=None)
        address = f"sip:{registrar.host}:{registrar.port}"
        async with exchange(settings(replace(carrier, address=address))) as ours:
            media = MediaAddress(host=HOME, port=42000)
            leg = await ours.agent.dial("carrier", "1", media=media)
            ended = await asyncio.wait_for(leg.wait_ended(), PATIENCE_S)
    assert (ended.code, ended.remote) == (407, True)
