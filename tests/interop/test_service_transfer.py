"""Transfers, hold and early media with baresip and SIPp at the other ends."""

import asyncio
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from deploy.ports import free_port
from tests.support import scenes
from tests.support.baresip import Baresip, needs_baresip, sound
from tests.support.pitch import heard
from tests.support.scenario import (
    ACCEPTED,
    audio,
    invite,
    recv,
    request,
    response,
    scenario,
    send,
)
from tests.support.service import Bridge, running
from tests.support.sipp import Sipp, needs_sipp
from tests.support.waiting import until
from tests.support.wavs import write_wav

pytestmark = pytest.mark.interop

CALLER, OPERATOR, MUSIC = 1050, 1330, 700
PCMU = ("PCMU/8000/1",)
SCENES = ("EarlyFile", "musical_hold")


def change(operator_port: int) -> dict[str, Any]:
    return {
        "trunks": {"pbx": {"hosts": ["127.0.0.0/8"], "address": f"sip:127.0.0.4:{operator_port}"}},
        "routes": [
            *(
                {"to": each, "agent": "silent", "scenario": f"tests.support.scenes:{each}"}
                for each in SCENES
            ),
            {"to": "silent", "agent": "silent"},
        ],
    }


def phone(folder: Path, host: str, hertz: int, **more: Any) -> Baresip:
    """A telephone that says one pitch, and writes down what it hears in a folder of its own."""
    folder.mkdir()
    ports = {"127.0.0.3": (10000, 10400), "127.0.0.4": (10500, 10900)}[host]
    return Baresip(
        host=host,
        codecs=PCMU,
        source=f"ausine,{hertz}",
        heard=folder,
        rtp_ports=ports,
        **more,
    )


async def up(bridge: Bridge, caller: Baresip, user: str = "silent") -> str:
    """The telephone has called and talks with the agent; the call's id."""
    host, port = bridge.address
    await caller.command("dial", f"sip:{user}@{host}:{port}")
    await caller.event("CALL_ESTABLISHED")
    call = await bridge.call()
    await until(lambda: call.first.stream.stats.received > 20)
    return call.id


async def order(bridge: Bridge, call_id: str, operator: Baresip, **body: Any) -> None:
    to = f"sip:phone@{operator.host}:{operator.port}"
    await bridge.post(f"/v1/calls/{call_id}/transfer", {"to": to, **body})


@needs_baresip
@pytest.mark.parametrize("mode", ["blind", "attended"])
async def test_a_telephone_transfers_itself_and_talks_with_whom_it_was_sent_to(
    tmp_path: Path, mode: str
) -> None:
    caller = phone(tmp_path / "caller", "127.0.0.3", CALLER)
    operator = phone(tmp_path / "operator", "127.0.0.4", OPERATOR)
    async with running(tmp_path, change(operator.port)) as bridge:
        async with caller, operator:
            call_id = await up(bridge, caller)
            await order(bridge, call_id, operator, mode=mode, accept_key="")
            await operator.event("CALL_ESTABLISHED")
            record = await bridge.record()
            await caller.pause(1.2)
        await bridge.idle()
    assert record["outcome"]["cause"] == "transferred"
    assert record["transfers"][0]["mode"] == mode
    assert record["transfers"][0]["code"] == 200
    assert heard(sound(tmp_path / "caller"), OPERATOR, CALLER) == {OPERATOR}
    assert heard(sound(tmp_path / "operator"), OPERATOR, CALLER) == {CALLER}


@needs_baresip
async def test_a_telephone_asks_to_be_transferred_and_the_agent_talks_with_whom_it_names(
    tmp_path: Path,
) -> None:
    caller = phone(tmp_path / "caller", "127.0.0.3", CALLER)
    operator = phone(tmp_path / "operator", "127.0.0.4", OPERATOR)
    settings = change(operator.port)
    settings["trunks"]["pbx"]["accept_refer"] = True
    settings["routes"] = [{"agent": "echo"}]
    async with running(tmp_path, settings) as bridge:
        async with caller, operator:
            call_id = await up(bridge, caller)
            await caller.command("transfer", f"sip:phone@{operator.host}:{operator.port}")
            await operator.event("CALL_ESTABLISHED")
            await until(lambda: bridge.service.calls[call_id].current.trunk == "pbx")
            await operator.pause(1.0)
            shown = await bridge.get(f"/v1/calls/{call_id}")
            await operator.command("hangup")
            record = await bridge.record()
        await bridge.idle()
    (leg,) = record["legs"]
    assert (shown["legs"][0]["sip_code"], leg["outcome"]["cause"]) == (200, "callee-hung-up")
    assert leg["sound"]["mos"] > 3
    assert heard(sound(tmp_path / "operator"), OPERATOR, CALLER) == {OPERATOR}


@needs_baresip
async def test_a_warm_transfer_to_a_telephone_that_presses_the_key(tmp_path: Path) -> None:
    music = write_wav(tmp_path / "music.wav", MUSIC, seconds=0.5, rate=44100)
    caller = phone(tmp_path / "caller", "127.0.0.3", CALLER)
    operator = phone(tmp_path / "operator", "127.0.0.4", OPERATOR)
    async with running(tmp_path, change(operator.port)) as bridge:
        async with caller, operator:
            call_id = await up(bridge, caller)
            await order(bridge, call_id, operator, mode="warm", music=str(music))
            await operator.event("CALL_ESTABLISHED")
            await caller.pause(0.8)
            waited = sound(tmp_path / "caller")
            await operator.command("sndcode", "1")
            call = await bridge.call()
            await until(lambda: bool(call.transfers.results))
            await caller.pause(1.0)
            await operator.command("hangup")
            record = await bridge.record()
        await bridge.idle()
    assert heard(waited, MUSIC, OPERATOR) == {MUSIC}
    assert record["outcome"]["cause"] == "callee-hung-up"
    assert heard(sound(tmp_path / "caller"), OPERATOR, MUSIC) == {OPERATOR}
    assert heard(sound(tmp_path / "operator"), CALLER, MUSIC) == {CALLER}


@needs_baresip
@needs_sipp
async def test_where_sipp_refuses_the_refer_the_legs_are_joined_here(tmp_path: Path) -> None:
    operator = phone(tmp_path / "operator", "127.0.0.4", OPERATOR)
    async with running(tmp_path, change(operator.port)) as bridge, operator:
        story = scenario(
            send(invite(audio(), user="silent")),
            *ACCEPTED,
            recv("REFER"),
            send(response("501 Not Implemented", tag=False), retrans=0),
            recv("BYE"),
            send(response("200 OK", tag=False)),
        )
        async with Sipp(story, remote=bridge.address) as caller:
            call = await bridge.call()
            await until(lambda: "answered" in call.chronicle.timings)
            await order(bridge, call.id, operator)
            await operator.event("CALL_ESTABLISHED")
            await until(lambda: bool(call.transfers.results))
            await operator.command("hangup")
            await caller.done()
        record = await bridge.record()
        await bridge.idle()
    assert record["transfers"][0]["mode"] == "bridged"
    assert record["outcome"]["cause"] == "callee-hung-up"


@needs_sipp
@pytest.mark.parametrize("status", ["486 Busy Here", "603 Declined", "480 Temporarily Unavailable"])
async def test_sipp_tells_that_the_transfer_has_failed_and_the_call_goes_on(
    tmp_path: Path, status: str
) -> None:
    notify = request(
        "NOTIFY",
        "Event: refer",
        "Subscription-State: terminated;reason=noresource",
        body=f"SIP/2.0 {status}\n",
        kind="message/sipfrag;version=2.0",
        cseq=2,
    )
    story = scenario(
        send(invite(audio(), user="silent")),
        *ACCEPTED,
        recv("REFER"),
        send(response("202 Accepted", tag=False), retrans=0),
        send(notify),
        recv(200),
        recv("BYE"),
        send(response("200 OK", tag=False)),
    )
    async with running(tmp_path, change(free_port())) as bridge:
        async with Sipp(story, remote=bridge.address) as caller:
            call, agent = await bridge.call(), await bridge.agent()
            await until(lambda: "answered" in call.chronicle.timings)
            body = {"to": "sip:nobody@127.0.0.9", "fallback": False}
            await bridge.post(f"/v1/calls/{call.id}/transfer", body)
            await until(lambda: any("has failed" in text for text in agent.received))
            await asyncio.sleep(0.1)
            assert call.outcome is None
            await bridge.post(f"/v1/calls/{call.id}/hangup")
            await caller.done()
        record = await bridge.record()
        await bridge.idle()
    assert record["transfers"][0]["code"] == int(status[:3])
    assert not record["transfers"][0]["done"]


@needs_baresip
async def test_a_telephone_on_hold_is_sent_music_and_comes_back(tmp_path: Path) -> None:
    music = write_wav(tmp_path / "music.wav", MUSIC, seconds=0.5, rate=22050)
    caller = phone(tmp_path / "caller", "127.0.0.3", CALLER)
    with mock.patch.object(scenes, "WAV", music):
        async with running(tmp_path, change(free_port())) as bridge:
            async with caller:
                await up(bridge, caller, "musical_hold")
                call, agent = await bridge.call(), await bridge.agent()
                await until(lambda: call.current.held)
                # baresip plays nothing while it is held, so the wire has to tell.
                sent, played_s = call.first.stream.stats.sent, call.first.stream.stats.heard
                await caller.pause(0.8)
                assert call.current.held
                assert call.first.stream.stats.sent - sent > 30
                assert call.first.stream.stats.heard - played_s > 0.4
                await until(lambda: not call.current.held)
                received = call.first.stream.stats.received
                await until(lambda: call.first.stream.stats.received > received + 10)
                await caller.command("hangup")
                await caller.event("CALL_CLOSED")
            await bridge.idle()
    assert agent.audio.overflows == agent.audio.underflows == 0


@needs_baresip
async def test_a_telephone_hears_a_file_before_the_refusal(tmp_path: Path) -> None:
    music = write_wav(tmp_path / "music.wav", MUSIC, seconds=1.0, rate=22050)
    caller = phone(tmp_path / "caller", "127.0.0.3", CALLER)
    with mock.patch.object(scenes, "WAV", music):
        async with running(tmp_path, change(free_port())) as bridge:
            async with caller:
                host, port = bridge.address
                await caller.command("dial", f"sip:EarlyFile@{host}:{port}")
                await caller.event("CALL_CLOSED")
            record = await bridge.record()
            await bridge.idle()
    assert record["outcome"]["sip_code"] == 480
    assert MUSIC in heard(sound(tmp_path / "caller", seconds=1.0), MUSIC)
