"""What is left of a call that is over: nothing that would have to be looked for.

A collection of garbage stops all audio for as long as it takes; it must have nothing to do.
"""

import gc
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bridge.call import Call
from deploy.ports import free_port
from tests.support import scenes
from tests.support.caller import Phone, describe
from tests.support.line import Line
from tests.support.picking_up import pick_up, rings, stop, talk
from tests.support.service import Bridge
from tests.support.waiting import until
from tests.support.wavs import write_wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = free_port()
CHANGES: dict[str, Any] = {
    "trunks": {"pbx": {"address": f"sip:127.0.0.2:{PORT}", "accept_replaces": True}},
    "recordings": {"folder": "kept"},
    "agents": {"kept": {"agent_id": "echo", "recording": {"auto": True}}},
    "routes": [
        *({"to": name, "agent": name} for name in ("echo", "tool-user", "kept")),
        *(
            {"to": name, "agent": "silent", "scenario": f"tests.support.scenes:{name}"}
            for name in ("keeps_agent", "file_to_agent")
        ),
    ],
}

Watched = dict[str, weakref.ref[Any]]


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def watched(call: Call) -> Watched:
    parts: dict[str, Any] = {
        "call": call,
        "controls": call.controls,
        "talk": call.talk,
        "session": call.talk.session,
        "recorder": call.recorder,
    }
    for party in call.parties:
        parts |= {party.name: party, f"stream of {party.name}": party.stream}
    return {name: weakref.ref(part) for name, part in parts.items()}


async def nothing_left(bridge: Bridge, parts: Watched) -> None:
    await bridge.record()
    await bridge.idle()
    bridge.service.switchboard._recent.clear()
    left: list[str] = []

    def gone() -> bool:
        left[:] = [name for name, part in parts.items() if part() is not None]
        return not left

    try:
        await until(gone)
    except TimeoutError:
        pytest.fail(f"left: {left}")


@pytest.mark.parametrize("user", ["echo", "kept", "tool-user"])
async def test_a_call_that_is_over_goes_without_the_garbage_collector(
    bridge: Bridge, phone: Phone, user: str
) -> None:
    async with phone.call(bridge.address, user=user) as call:
        parts = watched(await bridge.answered())
        if user == "tool-user":
            await call.ended()
        else:
            await call.hang_up()
    await nothing_left(bridge, parts)


@pytest.mark.parametrize("user", ["keeps_agent", "file_to_agent"])
async def test_so_does_one_with_a_recorder_or_a_player(
    bridge: Bridge, phone: Phone, user: str, tmp_path: Path
) -> None:
    with mock.patch.object(scenes, "WAV", write_wav(tmp_path / "a.wav", 700, seconds=0.5)):
        async with phone.call(bridge.address, user=user) as call:
            await call.line.speech()
            ours = await bridge.answered()
            parts = watched(ours)
            parts |= {f"tape {n}": weakref.ref(t) for n, t in enumerate(ours.recorder._tapes)}
            del ours
            await call.hang_up()
        await nothing_left(bridge, parts)


def sent_on(call: Call) -> bool:
    """Whether the packets of two parties go on as they are."""
    ready = [party for party in call.parties if party.negotiated.is_set()]
    relaying = [party.stream._downlink.passage.open for party in ready]
    return len(relaying) == 2 and all(relaying)


async def test_so_does_one_whose_legs_sent_on_each_others_packets(
    bridge: Bridge, phone: Phone
) -> None:
    async with (
        Phone(port=PORT) as other,
        Line() as line,
        phone.call(bridge.address, user="echo", pitch=1050) as call,
    ):
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "ben", "mode": "bridged"})
        second = await other.answer(line)
        assert second.invite is not None
        line.talk(second.invite.media, pitch=1330)
        await until(partial(sent_on, ours))
        parts = watched(ours)
        del ours
        await call.hang_up()
        await second.ended()
    await nothing_left(bridge, parts)


async def test_so_does_one_whose_agent_was_lost(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo") as call:
        parts = watched(await bridge.answered())
        session = (await bridge.answered()).talk.session
        assert session is not None
        assert session._transport is not None
        session._transport.disconnect(graceful=False)
        del session
        await call.ended()
    await nothing_left(bridge, parts)


async def test_so_does_one_that_was_transferred_over_a_second_leg(
    bridge: Bridge, phone: Phone
) -> None:
    async with Phone(port=PORT) as operator, Line() as line:
        async with phone.call(bridge.address, user="echo") as call:
            call_id = (await bridge.answered()).id
            body = {"to": "15550177", "mode": "bridged"}
            await bridge.post(f"/v1/calls/{call_id}/transfer", body)
            second = await operator.called()
            assert second.invite is not None
            second.reply(second.invite, "200 OK", body=describe(line))
            await second.expect("ACK")
            await until(lambda: bool(bridge.service.calls[call_id].transfers))
            parts = watched(await bridge.answered())
            assert len([name for name in parts if name.startswith("stream")]) == 2
            await call.hang_up()
            second.reply(await second.expect("BYE"), "200 OK")
        await nothing_left(bridge, parts)


async def test_so_does_one_that_was_picked_up_from_another_telephone(
    bridge: Bridge, phone: Phone
) -> None:
    async with Phone(port=PORT) as other, Line() as line:
        await bridge.post("/v1/calls", {"to": "ann", "agent": "echo"})
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        await talk(picked, line)
        parts = watched(await bridge.call())
        await stop(ringing)
        await picked.hang_up()
    await nothing_left(bridge, parts)
