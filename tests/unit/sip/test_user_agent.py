import asyncio
import socket
from dataclasses import replace

import pytest

from sip import (
    Ended,
    Leg,
    LegState,
    MediaAddress,
    RegistrationState,
    Ringing,
    SipError,
    Trunk,
    UserAgent,
)
from tests.support.exchange import PBX, SETTINGS, at, exchange, next_event
from tests.support.fake_stack import FakeStack

MEDIA = MediaAddress(host="127.0.0.1", port=41000)
CARRIER = Trunk(name="carrier", registrar="sip:127.0.0.2", username="ann", expires_s=300)
SEVERAL = replace(SETTINGS, trunks=(at(PBX, "127.0.0.2", 5060), CARRIER))


async def test_trunks_are_shown_with_the_seconds_as_they_stand() -> None:
    async with exchange(SEVERAL, stack=FakeStack()) as ours:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        trunks = ours.agent.trunks
        assert trunks["pbx"].state is RegistrationState.NONE
        assert trunks["carrier"].state is RegistrationState.REGISTERED
        assert trunks["carrier"].expires_s is not None
        assert trunks["carrier"].expires_s < 300


async def test_the_servers_of_a_registering_trunk_are_looked_up() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        for _ in range(50):
            await asyncio.sleep(0.01)
        remote = stack.invite(callee="ann", source=("127.0.0.2", 5060))
        leg = await ours.leg()
        assert leg.trunk == "carrier"
        remote.cancel()


async def test_the_peer_host_of_a_trunk_is_where_its_calls_go() -> None:
    async with exchange(SEVERAL, stack=FakeStack()) as ours:
        assert ours.agent.peer_host("pbx") == "127.0.0.2"
        with pytest.raises(SipError):
            ours.agent.peer_host("nowhere")


async def test_legs_are_known_while_they_live() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        remote = stack.invite()
        leg = await ours.leg()
        assert ours.agent.legs == {leg.id: leg}
        assert repr(leg) == f"<Leg {leg.id} calling>"
        remote.cancel()
        await leg.wait_ended()
        assert ours.agent.legs == {}


async def test_legs_that_are_left_are_ended_when_the_user_agent_leaves() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        leg = await ours.agent.dial("pbx", "1", media=MEDIA)
    assert leg.ended is not None
    assert not leg.ended.remote


async def test_a_dialling_that_is_given_up_leaves_no_phone_ringing() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        dialling = asyncio.create_task(ours.agent.dial("pbx", "1", media=MEDIA))
        await asyncio.sleep(0)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        remote = await stack.dialled()
        await remote.left()
        await asyncio.sleep(0)
        assert ours.agent.legs == {}


async def test_a_leg_follows_the_other_party() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        leg = await ours.agent.dial("pbx", "1", media=MEDIA)
        remote = await stack.dialled()
        states = [leg.state]
        remote.ring()
        await next_event(leg, Ringing)
        states.append(leg.state)
        remote.ring(183, early_media=True)
        await next_event(leg, Ringing)
        states.append(leg.state)
        remote.answer()
        await asyncio.sleep(0.01)
        states.append(leg.state)
        assert states == [LegState.CALLING, LegState.RINGING, LegState.EARLY, LegState.CONFIRMED]
        assert leg.media is not None
        remote.ring()
        await asyncio.sleep(0.01)
        assert leg.state is LegState.CONFIRMED
        remote.fail()
        ended = await leg.wait_ended()
    assert (ended.code, ended.remote) == (408, False)


async def test_a_leg_that_is_over_takes_hang_ups_and_nothing_else() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        remote = stack.invite()
        leg = await ours.leg()
        remote.cancel()
        await leg.wait_ended()
        await leg.hang_up()
        with pytest.raises(SipError, match="the leg is over: 487"):
            await leg.answer()
        assert [type(event) async for event in leg.events] == [Ended]
        assert [event async for event in leg.events] == []


async def test_only_a_refusal_refuses() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        stack.invite()
        leg = await ours.leg()
        with pytest.raises(ValueError, match="200 is no refusal"):
            await leg.reject(200)


async def test_info_and_hold_reach_the_other_party() -> None:
    stack = FakeStack()
    async with exchange(SEVERAL, stack=stack) as ours:
        remote = stack.invite()
        leg = await ours.leg()
        await leg.answer()
        await leg.send_info("application/dtmf-relay", "Signal=1")
        await leg.hold()
        assert "a=sendonly" in remote.ours
        await leg.resume()
        assert "a=sendrecv" in remote.ours
        assert [info.body for info in stack.infos] == ["Signal=1"]


async def test_a_name_without_an_address_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    lost = replace(CARRIER, registrar="sip:nowhere.invalid")
    loop = asyncio.get_running_loop()

    async def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    loop.getaddrinfo = fail  # type: ignore[assignment, method-assign]
    async with exchange(replace(SETTINGS, trunks=(lost,)), stack=FakeStack()):
        await asyncio.sleep(0.01)
    assert "nowhere.invalid has no address" in caplog.text


async def test_a_call_that_nobody_takes_is_refused_and_gives_its_media_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stack = FakeStack()
    unleased: list[MediaAddress] = []

    def fail(leg: Leg) -> None:
        raise RuntimeError("no room")

    agent = UserAgent(
        SEVERAL, on_invite=fail, lease=lambda peer: MEDIA, unlease=unleased.append, stack=stack
    )
    async with agent:
        remote = stack.invite()
        assert (await remote.answered()).code == 500
    assert unleased == [MEDIA]
    assert "nobody took leg" in caplog.text


def test_a_leg_is_told_by_its_id_and_state() -> None:
    assert repr(Leg("7f3a", trunk=Trunk(name="pbx"), stack=FakeStack())) == "<Leg 7f3a calling>"
