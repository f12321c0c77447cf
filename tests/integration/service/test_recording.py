"""What a recording holds: who said what, when, and what the caller really heard."""

import asyncio
import audioop
import copy
import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from bridge.call import Call
from bridge.recording import gatherer
from tests.support.caller import Phone, SipCall, describe
from tests.support.pitch import heard
from tests.support.service import Bridge
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT_PITCH = 140.0
RATE = 8000
NOTICE = 1730.0
"""Pitch of the announcement."""

CHANGES: dict[str, Any] = {
    "recordings": {"folder": "kept", "name": "{agent}/{id}"},
    "agents": {
        "silent": {"agent_id": "silent", "recording": {"pause": "cut"}},
    }
    | {
        name: {"agent_id": agent, "recording": {"auto": True, **more}, "dtmf": {"hide": True}}
        for name, agent, more in (
            ("kept-echo", "echo", {}),
            ("kept-talker", "talker", {}),
            ("kept-flac", "echo", {"format": "flac"}),
            ("kept-opus", "echo", {"format": "opus"}),
        )
    },
    "routes": [
        {"to": name, "agent": name}
        for name in ("kept-echo", "kept-talker", "kept-flac", "kept-opus", "silent")
    ]
    + [{"to": "by-route", "agent": "echo", "recording": {"auto": True}}, {"agent": "echo"}],
}

Sound = NDArray[np.int16]


@pytest.fixture(scope="module", autouse=True)
def notices(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The announcements that agents refer to, there before the service starts."""
    folder = tmp_path_factory.mktemp("notices")
    good, bad = folder / "good.wav", folder / "bad.wav"
    with wave.open(str(good), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(at_16_khz(NOTICE, 0.6))
    bad.write_bytes(good.read_bytes())
    for name, file, auto in (
        ("told", good, True),
        ("told-late", good, False),
        ("mistold", bad, True),
    ):
        plan = {"auto": auto, "announcement": str(file)}
        CHANGES["agents"][name] = {"agent_id": "talker", "recording": plan}
        CHANGES["routes"].insert(0, {"to": name, "agent": name})


async def kept(bridge: Bridge) -> tuple[dict[str, Any], Sound]:
    """The only recording of the call that has just ended, as journal and file have it."""
    record = await bridge.record()
    (recording,) = record["recordings"]
    frames, rate = soundfile.read(recording["path"], dtype="int16")
    assert recording["bytes"] > 0
    assert recording["duration_s"] == pytest.approx(len(frames) / rate, abs=0.01)
    assert recording["result"] == "whole"
    return recording, frames


def onset(sound: Sound) -> float:
    """Seconds to the first sound."""
    return int(np.flatnonzero(np.abs(sound) > 500)[0]) / RATE


async def test_the_caller_is_left_and_the_agent_right_at_their_times(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="kept-echo") as call:
        ours = await bridge.answered()
        await until(lambda: ours.recorder.recording)
        await call.line.listen(0.6)
        call.line.pitch = 1050
        spoke_at = asyncio.get_running_loop().time()
        answer = await call.line.speech(spoke_at)
        await call.line.listen(0.3)
        assert (await bridge.get(f"/v1/calls/{ours.id}"))["recording"] is True
    recording, frames = await kept(bridge)
    left, right = frames[:, 0], frames[:, 1]
    assert heard(left.tobytes(), 1050) == heard(right.tobytes(), 1050) == {1050}
    assert onset(right) - onset(left) == pytest.approx(answer.at - spoke_at, abs=0.03)
    assert onset(left) > 0.5
    assert 0.8 < recording["duration_s"] < 3
    assert recording["path"].endswith(f"kept/kept-echo/{ours.id}.wav")
    kinds = [event.kind for event in ours.chronicle._events]
    assert kinds.index("recording") < kinds.index("recording-ready") < kinds.index("ended")
    assert (await bridge.metrics())['bridge_recordings_total{result="whole"}'] >= 1


async def test_what_is_right_is_what_left_and_dropped_speech_is_not_in_it(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="kept-talker") as call:
        ours = await bridge.answered()
        await call.line.speech()
        await call.line.listen(0.3)
        call.line.pitch = 1050
        await until(lambda: ours.talk.barge_ins == 1)
        await call.line.listen(0.5)
        call.line.pitch = 0
    _, frames = await kept(bridge)
    sent = audioop.lin2ulaw(frames[:, 1].astype("<i2").tobytes(), 2)
    packets = call.line.packets
    first = next(number for number, packet in enumerate(packets) if packet.speech)
    wire = b"".join(packet.payload for packet in packets[first:-10])
    assert wire in sent or ours.first.stream.stats.ticks_late
    assert ours.talk.dropped_ms > 1000


@pytest.mark.parametrize("kind", ["flac", "opus"])
async def test_a_recording_may_be_compressed(bridge: Bridge, phone: Phone, kind: str) -> None:
    async with phone.call(bridge.address, user=f"kept-{kind}", pitch=1050) as call:
        await call.line.speech()
        await call.line.listen(0.5)
    recording, frames = await kept(bridge)
    assert recording["path"].endswith(f".{kind}")
    assert [heard(frames[:, side].tobytes(), 1050) for side in (0, 1)] == [{1050}, {1050}]


async def test_a_route_may_have_its_calls_recorded(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="by-route") as call:
        await call.line.listen(0.2)
    await kept(bridge)


async def test_a_call_that_nobody_wants_recorded_is_not(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        await call.line.speech()
        assert ours.first.stream._on_pcm is ours.first.stream._sink
    assert "recordings" not in await bridge.record()


async def test_a_held_call_is_recorded_as_silence(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="kept-echo", pitch=1050) as call:
        ours = await bridge.answered()
        await call.line.speech()
        await call.line.listen(0.3)
        call.reinvite(describe(call.line, version=2, direction="inactive"))
        await call.expect(200)
        call.ack()
        await until(lambda: ours.current.held)
        began = ours.age
        await asyncio.sleep(0.7)
        call.reinvite(describe(call.line, version=3))
        await call.expect(200)
        call.ack()
        await until(lambda: not ours.current.held)
        held_s = ours.age - began
        await call.line.listen(0.3)
    _, frames = await kept(bridge)
    for side in (0, 1):
        assert 0.6 < longest_silence(frames[:, side]) < held_s + 0.25


def longest_silence(sound: Sound) -> float:
    loud = np.flatnonzero(np.abs(sound) > 500)
    return float(np.diff(loud).max()) / RATE


async def order(bridge: Bridge, call: Call, action: str) -> None:
    await bridge.post(f"/v1/calls/{call.id}/record", {"action": action})


async def test_recording_starts_and_stops_on_demand_as_often_as_wanted(
    bridge: Bridge, phone: Phone
) -> None:
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        await call.line.speech()
        for _ in range(2):
            await order(bridge, ours, "start")
            await call.line.listen(0.4)
            await order(bridge, ours, "stop")
        await call.line.listen(0.4)
    recordings = (await bridge.record())["recordings"]
    assert [each["path"].rpartition("/")[2] for each in recordings] == [
        f"{ours.id}.wav",
        f"{ours.id}-2.wav",
    ]
    assert all(0.3 < each["duration_s"] < 0.8 for each in recordings)


@pytest.mark.parametrize(("user", "leaves"), [("1000", "silence"), ("silent", "nothing")])
async def test_a_pause_leaves_silence_or_nothing(
    bridge: Bridge, phone: Phone, user: str, leaves: str
) -> None:
    async with phone.call(bridge.address, user=user, pitch=1050) as call:
        ours = await bridge.answered()
        await until(lambda: "answered" in ours.chronicle.timings)
        await order(bridge, ours, "start")
        await call.line.listen(0.4)
        began = ours.age
        await order(bridge, ours, "pause")
        await order(bridge, ours, "pause")
        call.line.pitch = 1330
        await call.line.listen(0.8)
        call.line.pitch = 1050
        await call.line.listen(0.1)
        await order(bridge, ours, "resume")
        paused_s = ours.age - began
        await call.line.listen(0.4)
    recording, frames = await kept(bridge)
    assert heard(frames[:, 0].tobytes(), 1050, 1330) == {1050}
    if leaves == "silence":
        assert 0.75 < longest_silence(frames[:, 0]) < paused_s + 0.15
    else:
        assert longest_silence(frames[:, 0]) < 0.1
        assert recording["duration_s"] < 1.2


async def test_a_pause_lasts_when_a_party_of_another_rate_takes_the_caller_s_place(
    bridge: Bridge, phone: Phone
) -> None:
    """The file begins anew with the rate; what was to be kept out of it still is."""
    async with phone.call(bridge.address, user="echo", pitch=1050) as call:
        ours = await bridge.answered()
        await order(bridge, ours, "start")
        await until(lambda: ours.recorder.recording)
        await order(bridge, ours, "pause")
        newcomer = copy.copy(ours.first)
        newcomer.rate = 16000
        ours.current = newcomer
        ours.recorder.follow()
        assert ours.recorder.paused
        assert ours.recorder._gatherer is not None
        assert ours.recorder._gatherer.party is newcomer
        assert ours.recorder._share == "silence"
        await call.hang_up()
    assert len((await bridge.record())["recordings"]) == 2


@pytest.mark.parametrize("action", ["stop", "pause", "resume", "erase"])
async def test_what_cannot_be_done_is_refused(bridge: Bridge, phone: Phone, action: str) -> None:
    async with phone.call(bridge.address, user="echo") as call:
        ours = await bridge.answered()
        await call.line.listen(0.1)
        with pytest.raises(AssertionError, match=r"not-now|bad-request"):
            await order(bridge, ours, action)


async def test_a_call_is_recorded_once_at_a_time(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="kept-echo") as call:
        ours = await bridge.answered()
        await until(lambda: ours.recorder.recording)
        with pytest.raises(AssertionError, match="not-now"):
            await order(bridge, ours, "start")
        assert call.bye is None
    await kept(bridge)


async def test_a_digit_that_is_hidden_is_silenced(bridge: Bridge, phone: Phone) -> None:
    async with phone.call(bridge.address, user="kept-echo", pitch=1050) as call:
        ours = await bridge.answered()
        await call.line.speech()
        await call.line.listen(0.4)
        send_info(call, "5")
        await call.expect(200)
        await until(lambda: "digits" in [event.kind for event in ours.chronicle._events])
    _, frames = await kept(bridge)
    assert longest_silence(frames[:, 0]) == pytest.approx(0.32, abs=0.03)
    assert [e.fields for e in ours.chronicle._events if e.kind == "digits"] == [{"count": 1}]


async def test_a_disk_that_is_too_slow_costs_the_recording_and_not_the_call(
    bridge: Bridge, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gatherer, "BATCH_S", 0.05)
    stalled = threading.Event()
    async with phone.call(bridge.address, user="kept-echo", pitch=1050) as call:
        ours = await bridge.answered()
        await until(lambda: ours.recorder.recording)
        bridge.service.recordings.run(stalled.wait)
        await until(lambda: not ours.recorder.recording)
        assert heard(await call.line.listen(0.3), 1050) == {1050}
        assert call.bye is None
        stalled.set()
    (recording,) = (await bridge.record())["recordings"]
    assert recording["result"] == "overflow"
    assert recording["duration_s"] >= 0.4
    assert (await bridge.metrics())['bridge_recordings_total{result="overflow"}'] == 1


def send_info(call: SipCall, digit: str) -> None:
    call.send("INFO", body=f"Signal={digit}\r\nDuration=160\r\n", kind="application/dtmf-relay")


@pytest.mark.parametrize("user", ["told", "told-late"])
async def test_the_caller_is_told_before_the_recording_begins_and_cannot_cut_it_short(
    bridge: Bridge, phone: Phone, user: str
) -> None:
    async with phone.call(bridge.address, user=user) as call:
        ours = await bridge.answered()
        if user == "told-late":
            await call.line.speech()
            await call.line.listen(0.1)
            call.line.pitch = 1050
            await until(lambda: ours.talk.barge_ins == 1)
            ordered = asyncio.create_task(order(bridge, ours, "start"))
        await until(lambda: NOTICE in heard(call.line.heard()[-3200:], NOTICE))
        call.line.pitch = 1050
        assert not ours.recorder.recording
        await until(lambda: ours.recorder.recording)
        if user == "told-late":
            await ordered
        await call.line.listen(0.3)
        assert spoken_s(call.line.heard(), NOTICE) == pytest.approx(0.6, abs=0.1)
    _, frames = await kept(bridge)
    assert NOTICE not in heard(frames[:, 1].tobytes(), NOTICE)


async def test_an_announcement_that_cannot_be_played_costs_the_recording_not_the_call(
    bridge: Bridge, phone: Phone
) -> None:
    failed = 'bridge_recordings_total{result="failed"}'
    before = (await bridge.metrics()).get(failed, 0)
    spoil(CHANGES["agents"]["mistold"]["recording"]["announcement"])
    async with phone.call(bridge.address, user="mistold") as call:
        await call.line.speech()
        assert not (await bridge.answered()).recorder.recording
    assert (await bridge.metrics())[failed] == before + 1


def spoil(file: str) -> None:
    """Make a file that cannot be played of one that could be when the service was started."""
    Path(file).write_bytes(b"RIFF")


def at_16_khz(pitch: float, seconds: float) -> bytes:
    at = np.arange(int(16000 * seconds)) / 16000
    return (8000 * np.sin(2 * np.pi * pitch * at)).astype("<i2").tobytes()


def spoken_s(pcm: bytes, pitch: float) -> float:
    """Seconds of a pitch in what a phone heard."""
    pieces = [pcm[start : start + 320] for start in range(0, len(pcm), 320)]
    return 0.02 * sum(pitch in heard(piece, pitch) for piece in pieces)
