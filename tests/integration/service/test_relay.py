"""Two joined legs of one codec: what the one sends is what the other gets, to the last octet."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from bridge.call import Call
from deploy.ports import free_port
from rtp import opus
from rtp.codec import codec_for
from rtp.format import Format
from rtp.packet import sequence_distance, timestamp_distance
from tests.support.caller import Phone, SipCall, describe
from tests.support.line import Line
from tests.support.pitch import heard
from tests.support.service import Bridge
from tests.support.tones import tone
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "127.0.0.2"
PORT = free_port()
CHANGES: dict[str, Any] = {
    "media": {"codecs": ["opus", "G722", "PCMU"]},
    "trunks": {"pbx": {"address": f"sip:{HOST}:{PORT}"}},
    "recordings": {"folder": "kept"},
    "routes": [{"to": "silent", "agent": "silent"}],
}
G722 = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000)
OPUS = Format(encoding="opus", payload_type=96, clock_rate=48000, sample_rate=16000)
CODECS = [
    G722,
    pytest.param(OPUS, marks=pytest.mark.skipif(not opus.available(), reason="no libopus")),
]
FRAME_S = 0.020


@pytest_asyncio.fixture(loop_scope="module")
async def other() -> AsyncIterator[Phone]:
    async with Phone(host=HOST, port=PORT) as phone:
        yield phone


class Talker:
    """Speaks into a line what it has encoded itself."""

    def __init__(self, audio: Format, line: Line, *, pitch: float, payload_type: int) -> None:
        self.audio, self.line, self.payload_type = audio, line, payload_type
        self.sent: list[bytes] = []
        self._codec = codec_for(audio)
        self._pcm = tone(pitch, 10.0, sample_rate=audio.sample_rate, level=0.3)
        self._talking: asyncio.Task[None] | None = None

    def begin(self, remote: tuple[str, int]) -> None:
        self.line.remote = remote
        self._talking = asyncio.get_running_loop().create_task(self._talk())

    async def end(self) -> None:
        assert self._talking is not None
        self._talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._talking

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        due, size = loop.time(), self.audio.frame_bytes
        while True:
            number = len(self.sent)
            at = number * size % (len(self._pcm) - size)
            payload = self._codec.encode(self._pcm[at : at + size])
            numbers = (0xFFF0 + number & 0xFFFF, number * self.audio.timestamp_step, 4711)
            self.line.send_raw(struct.pack("!BBHII", 0x80, self.payload_type, *numbers) + payload)
            self.sent.append(payload)
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))


def spoken(audio: Format, payload_type: int) -> tuple[str, str]:
    """How a description names a codec."""
    channels = "/2" if audio.encoding == "opus" else ""
    rtpmap = f"a=rtpmap:{payload_type} {audio.encoding}/{audio.clock_rate}{channels}"
    return f"{payload_type} 101", rtpmap


@contextlib.asynccontextmanager
async def joined(
    bridge: Bridge, phone: Phone, other: Phone, audio: Format, types: tuple[int, int]
) -> AsyncIterator[tuple[Call, Talker, Talker]]:
    """A caller and whom it was transferred to, who both talk."""
    async with Line() as near, Line() as far:
        formats, rtpmap = spoken(audio, types[0])
        call = await phone.invite(
            bridge.address, describe(near, formats=formats, more=[rtpmap]), user="silent"
        )
        answer = await call.expect(200)
        call.ack()
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "ben", "mode": "bridged"})
        second = await other.called()
        assert second.invite is not None
        formats, rtpmap = spoken(audio, types[1])
        second.reply(second.invite, "200 OK", body=describe(far, formats=formats, more=[rtpmap]))
        await second.expect("ACK")
        await until(lambda: bool(ours.transfers.results))
        talkers = (
            Talker(audio, near, pitch=440, payload_type=types[0]),
            Talker(audio, far, pitch=1000, payload_type=types[1]),
        )
        talkers[0].begin(answer.media)
        talkers[1].begin(second.invite.media)
        yield ours, *talkers
        for talker in talkers:
            await talker.end()
        await _leave(call, second)


@contextlib.asynccontextmanager
async def talking(
    bridge: Bridge, phone: Phone, other: Phone
) -> AsyncIterator[tuple[Call, SipCall, Line, Line]]:
    """A caller and whom it was transferred to, in G.711; the caller's leg and both lines."""
    async with Line() as near, Line() as far:
        call = await phone.invite(bridge.address, describe(near), user="silent")
        answer = await call.expect(200)
        call.ack()
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "ben", "mode": "bridged"})
        second = await other.answer(far)
        assert second.invite is not None
        await until(lambda: bool(ours.transfers.results))
        near.talk(answer.media, pitch=1050)
        far.talk(second.invite.media, pitch=1330)
        yield ours, call, near, far
        await _leave(call, second)


async def _leave(call: SipCall, second: SipCall) -> None:
    await call.hang_up()
    await second.ended()


def common(sent: Sequence[bytes], got: Sequence[bytes]) -> int:
    """How many of the last payloads got are, in order and without any between, among those sent."""
    last = got[-1]
    ends = [at for at, payload in enumerate(sent) if payload == last]
    return max((_run(sent[: end + 1], got) for end in ends), default=0)


def _run(sent: Sequence[bytes], got: Sequence[bytes]) -> int:
    count = 0
    for ours, theirs in zip(reversed(sent), reversed(got), strict=False):
        if ours != theirs:
            break
        count += 1
    return count


def taken(talker: Talker) -> list[bytes]:
    return [packet.payload for packet in talker.line.packets]


async def test_a_key_that_a_joined_party_presses_reaches_the_other_one_once(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with talking(bridge, phone, other) as (_, call, near, far):
        call.send("INFO", body="Signal=5\r\nDuration=100\r\n", kind="application/dtmf-relay")
        await call.expect(200)
        await until(lambda: far.digits() == "5")
        pressed = struct.pack("!BBHII", 0x80, 0x80 | 101, 9, 8000, 815)
        for duration, end in ((160, 0), (480, 0x80), (480, 0x80), (480, 0x80)):
            far.send_raw(pressed + struct.pack("!BBH", 7, end | 10, duration))
        await until(lambda: near.digits() == "7")
        assert far.digits() == "5"


@pytest.mark.parametrize("audio", CODECS)
async def test_what_a_joined_party_sends_is_what_the_other_one_gets(
    bridge: Bridge, phone: Phone, other: Phone, audio: Format
) -> None:
    types = (96, 111) if audio is OPUS else (9, 9)
    async with joined(bridge, phone, other, audio, types) as (_, near, far):
        await until(lambda: min(len(near.sent), len(far.sent)) > 100)
        assert common(near.sent, taken(far)) > 50
        assert common(far.sent, taken(near)) > 50
        for talker in (near, far):
            packets = talker.line.packets
            assert {each.payload_type for each in packets} == {talker.payload_type}
            for before, after in pairwise(packets):
                assert sequence_distance(after.sequence, before.sequence) == 1
            for before, after in pairwise(packets[-40:]):
                step = timestamp_distance(after.timestamp, before.timestamp)
                assert step == audio.timestamp_step
    record = await bridge.record()
    (leg,) = record["legs"]
    for sound in (record["sound"], leg["sound"]):
        assert sound["received"] > 90
        assert sound["sent"] > 90
        assert sound["lost"] == sound["late"] == 0
        assert sound["mos"] > 4


def _decoded(audio: Format, payloads: Sequence[bytes]) -> bytes:
    """What they sound like, s16le at 8 kHz; the codec begins in the middle of a stream."""
    codec = codec_for(audio)
    pcm = b"".join(codec.decode(payload) for payload in payloads)
    return np.frombuffer(pcm, "<i2")[:: audio.sample_rate // 8000].tobytes()


@pytest.mark.parametrize("audio", CODECS)
async def test_joined_parties_of_different_codecs_hear_each_other(
    bridge: Bridge, phone: Phone, other: Phone, audio: Format
) -> None:
    async with Line() as near, Line() as far:
        payload_type = 96 if audio is OPUS else 9
        formats, rtpmap = spoken(audio, payload_type)
        call = await phone.invite(
            bridge.address, describe(near, formats=formats, more=[rtpmap]), user="silent"
        )
        answer = await call.expect(200)
        call.ack()
        ours = await bridge.answered()
        await bridge.post(f"/v1/calls/{ours.id}/transfer", {"to": "ben", "mode": "bridged"})
        second = await other.answer(far)
        assert second.invite is not None
        await until(lambda: bool(ours.transfers.results))
        talker = Talker(audio, near, pitch=440, payload_type=payload_type)
        talker.begin(answer.media)
        far.talk(second.invite.media, pitch=1330)
        await until(lambda: heard(far.heard()[-3200:], 440, 1330) == {440})
        count = len(near.packets)
        await until(lambda: len(near.packets) > count + 25)
        assert {packet.payload_type for packet in near.packets} == {payload_type}
        assert {packet.payload_type for packet in far.packets} == {0}
        assert heard(_decoded(audio, taken(talker)[-20:])[1600:], 440, 1330) == {1330}
        await talker.end()
        await _leave(call, second)
    record = await bridge.record()
    (leg,) = record["legs"]
    assert (record["codec"], leg["codec"]) == (audio.encoding, "PCMU")


async def test_a_recording_changes_nothing_of_what_is_sent_on(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with joined(bridge, phone, other, G722, (9, 9)) as (ours, near, far):
        await until(lambda: len(near.sent) > 30)
        await bridge.post(f"/v1/calls/{ours.id}/record", {"action": "start"})
        before = len(near.sent)
        await until(lambda: len(near.sent) > before + 100)
        assert common(near.sent, taken(far)) > 100
        assert common(far.sent, taken(near)) > 100
    (recording,) = (await bridge.record())["recordings"]
    assert recording["duration_s"] > 1.8


async def test_whoever_is_played_to_hears_that_and_then_the_other_one_again(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with joined(bridge, phone, other, G722, (9, 9)) as (ours, near, far):
        await until(lambda: len(near.sent) > 30)
        (second,) = ours.parties.others
        talk = ours.talk
        ours.patchbay.connect(talk, second)
        assert not second.stream._downlink.passage.open
        assert ours.first.stream._downlink.passage.open
        count = len(far.line.packets)
        await until(lambda: len(far.line.packets) > count + 30)
        ours.patchbay.disconnect(talk, second)
        await until(lambda: second.stream._downlink.passage.open)
        count = len(far.line.packets)
        await until(lambda: len(far.line.packets) > count + 30)
        assert common(near.sent, taken(far)) > 20
        packets = far.line.packets
        for before, after in pairwise(packets):
            assert sequence_distance(after.sequence, before.sequence) == 1
            assert timestamp_distance(after.timestamp, before.timestamp) >= 160


async def test_with_another_codec_after_a_reinvite_it_is_sound_that_goes_on(
    bridge: Bridge, phone: Phone, other: Phone
) -> None:
    async with talking(bridge, phone, other) as (ours, call, near, _):
        await until(lambda: ours.first.stream._downlink.passage.open)
        formats, rtpmap = spoken(G722, 9)
        call.reinvite(describe(near, formats=formats, more=[rtpmap], version=2))
        await call.expect(200)
        call.ack()
        await until(lambda: not ours.first.stream._downlink.passage.open)
        count = len(near.packets)
        await until(lambda: len(near.packets) > count + 20)
        assert near.packets[-1].payload_type == 9
        call.reinvite(describe(near, version=3))
        await call.expect(200)
        call.ack()
        await until(lambda: ours.first.stream._downlink.passage.open)
