"""What a webhook hears of calls."""

import gc
import json
import logging
import weakref
from pathlib import Path
from typing import Any

import pytest

from deploy.ports import free_port
from tests.support.caller import Phone
from tests.support.hook_receiver import SECRET, receiving
from tests.support.line import Line
from tests.support.picking_up import pick_up, rings, stop, talk
from tests.support.service import Bridge, ended, offer, running
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHOLE = ["call.started", "call.ringing", "call.answered", "call.ended"]


def hooked(url: str, **more: Any) -> dict[str, Any]:
    return {
        "journal": {"database": "calls.db"},
        "webhooks": [{"url": url, "secret": SECRET, **more}],
    }


async def test_a_call_is_told_from_its_beginning_to_its_end(
    tmp_path: Path, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiving() as receiver, running(tmp_path, hooked(receiver.url)) as bridge:
        refused = await offer(phone, bridge, user="nowhere")
        await refused.expect(404)
        async with phone.call(bridge.address, user="receptionist", caller="+4420") as call:
            ours = await bridge.answered()
            await call.line.speech()
        assert await receiver.took(4) == WHOLE
        metrics = await bridge.metrics()
        assert metrics['bridge_webhook_deliveries_total{result="delivered"}'] >= 3
        assert "bridge_webhook_pending" in metrics
    calls = [each.said["call"] for each in receiver.taken]
    assert {each["id"] for each in calls} == {ours.id}
    assert [each["state"] for each in calls] == ["ringing", "ringing", "answered", "ended"]
    assert calls[0]["caller"] == "+4420"
    assert calls[0]["sip_call_id"] == call.id
    assert calls[-1]["outcome"]["cause"] == "caller-hung-up"
    assert calls[-1]["ultravox_call_id"] == ours.talk.ultravox_call_id
    assert len({each.said["id"] for each in receiver.taken}) == 4
    times = [each.said["at"] for each in receiver.taken]
    assert times == sorted(times)
    assert "Hello" not in json.dumps([each.said for each in receiver.taken])
    assert SECRET not in caplog.text


async def test_a_webhook_hears_what_it_asked_for_with_what_else_is_known(
    tmp_path: Path, phone: Phone
) -> None:
    wanted = ["call.transferred", "recording.ready", "call.ended"]
    async with (
        receiving() as receiver,
        running(tmp_path, hooked(receiver.url, events=wanted)) as bridge,
    ):
        async with phone.call(bridge.address, user="silent"):
            ours = await bridge.answered()
            ours.note("transferred", to="sales")
        await bridge.idle()
        ours.note("recording-ready", path="c-1.wav")
        assert await receiver.took(3) == ["call.transferred", "call.ended", "recording.ready"]
    details = [each.said.get("detail") for each in receiver.taken]
    assert details == [{"to": "sales"}, None, {"path": "c-1.wav"}]


async def test_what_could_not_be_written_down_is_counted(
    tmp_path: Path, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver, running(tmp_path, hooked(receiver.url)) as bridge:
        writer = bridge.service.papers.journal._writer
        with monkeypatch.context() as stalled:
            stalled.setattr(writer, "do", lambda _: None)
            async with phone.call(bridge.address, user="silent"):
                await bridge.answered()
            await bridge.idle()
        assert bridge.service.papers.couriers.fates["lost"] == 4
        await until(lambda: not receiver.tries)


async def test_an_order_that_is_picked_up_elsewhere_is_told_as_one_call_and_not_placed_again(
    tmp_path: Path, phone: Phone
) -> None:
    port = free_port()
    pbx = {"address": f"sip:127.0.0.2:{port}", "accept_replaces": True}
    async with (
        receiving() as receiver,
        Phone(port=port) as other,
        running(tmp_path, hooked(receiver.url) | {"trunks": {"pbx": pbx}}) as bridge,
        Line() as line,
    ):
        ordered = await _placed(bridge)
        ringing = await rings(other)
        picked = await pick_up(phone, bridge, ringing, line)
        await talk(picked, line)
        await stop(ringing)
        assert await _placed(bridge) == ordered
        await picked.hang_up()
        await bridge.idle()
        whole = [*WHOLE[:3], "call.transferred", WHOLE[3]]
        assert await receiver.took(len(whole)) == whole
        metrics = await bridge.metrics()
    assert {each.said["call"]["id"] for each in receiver.taken} == {ordered}
    assert metrics[ended("success", "callee-hung-up", "outbound")] == 1
    assert metrics['bridge_attempts_total{result="transferred",trunk="pbx"}'] == 1


async def _placed(bridge: Bridge) -> str:
    """The id of the call that an order with a certain key has placed."""
    order, headers = {"to": "ann", "agent": "echo"}, {"Idempotency-Key": "wake-ann"}
    async with bridge.api.post("/v1/calls", json=order, headers=headers) as response:
        return str((await response.json())["id"])


async def test_a_call_that_was_told_of_goes_without_the_garbage_collector(
    tmp_path: Path, phone: Phone
) -> None:
    async with receiving() as receiver, running(tmp_path, hooked(receiver.url)) as bridge:
        gc.disable()
        try:
            async with phone.call(bridge.address, user="echo"):
                left = weakref.ref(await bridge.answered())
            await receiver.took(4)
            await bridge.idle()
            bridge.service.switchboard._recent.clear()
            await until(lambda: left() is None)
        finally:
            gc.enable()
