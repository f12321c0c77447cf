"""Two streams, or a stream and a bare socket, over loopback in virtual time."""

import asyncio
import contextlib
import dataclasses
import itertools
import os
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from rtp import rtcp, tones
from rtp.codec import codec_for
from rtp.dtmf import DigitReceiver, DigitSender
from rtp.format import Format
from rtp.packet import RtpPacket, is_rtcp
from rtp.ports import PortPool
from rtp.srtp import Keys, Srtp
from rtp.stats import StreamStats
from rtp.stream import Stream
from tests.support.clock import VirtualLoop, run_virtually
from tests.support.ports import MEDIA
from tests.support.tones import AGENT, CALLER, heard, tone

PCMU = Format(
    encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, event_payload_type=101
)
CODEC = codec_for(PCMU)


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + 320] for start in range(0, len(pcm), 320)]


class Phone:
    """The far end: a socket that says what it is told to and keeps what it hears."""

    def __init__(self, to: tuple[str, int], *, host: str = "127.0.0.1") -> None:
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.rtp.bind((host, 0))
        self._to = to
        self._sequence = 0
        self.packets: list[RtpPacket] = []

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.rtp.getsockname()
        return host, port

    def say(
        self,
        payload: bytes,
        *,
        payload_type: int = 0,
        marker: bool = False,
        srtp: Srtp | None = None,
    ) -> None:
        self._sequence += 1
        packet = RtpPacket(
            payload_type=payload_type,
            sequence=self._sequence,
            timestamp=self._sequence * 160,
            ssrc=7,
            payload=payload,
            marker=marker,
        )
        wire = packet.serialize()
        self.rtp.sendto(wire if srtp is None else srtp.protect(wire), self._to)

    async def talk(self, pcm: bytes) -> None:
        for frame in frames(pcm):
            self.say(CODEC.encode(frame))
            await asyncio.sleep(0.020)

    def listen(self) -> list[RtpPacket]:
        """What has come since the last time."""
        new = []
        with contextlib.suppress(BlockingIOError):
            while True:
                new.append(RtpPacket.parse(self.rtp.recv(2048)))
        self.packets += new
        return new

    def hear(self) -> bytes:
        return b"".join(CODEC.decode(packet.payload) for packet in self.listen())


class Bench:
    """A stream, its ports, and what came out of it."""

    def __init__(self, pool: PortPool) -> None:
        self.pool = pool
        self.pcm: list[bytes] = []
        self.digits: list[str] = []
        self.talkspurts: list[float] = []
        self.stream = Stream(
            pool.lease(),
            on_pcm=self.pcm.append,
            on_digit=self.digits.append,
            on_talkspurt=self.talkspurts.append,
        )
        self.phone = Phone(("127.0.0.1", self.stream.ports.rtp_port))

    def stall(self, seconds: float) -> None:
        """Let time pass in which the caller speaks and the loop does not turn."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for frame in frames(tone(CALLER, seconds)):
            self.phone.say(CODEC.encode(frame))
        loop.jump(seconds)

    def heard(self) -> bytes:
        """What has gone up since the last time."""
        pcm = b"".join(self.pcm)
        self.pcm.clear()
        return pcm


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    loop = asyncio.get_running_loop()
    pool = PortPool(MEDIA[0], MEDIA[-1], bind_address="127.0.0.1", clock=loop.time)
    set_up = Bench(pool)
    await set_up.stream.open()
    set_up.stream.configure(PCMU, set_up.phone.address)
    try:
        yield set_up
    finally:
        await set_up.stream.close(pool)
        pool.close()
        set_up.phone.rtp.close()


def virtual(coroutine: Coroutine[Any, Any, None]) -> None:
    run_virtually(coroutine)


def test_a_caller_is_heard_by_the_agent_and_the_agent_by_the_caller() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.play(tone(AGENT, 1.0))
            await b.phone.talk(tone(CALLER, 1.0))
            assert heard(b.heard()) == {"caller"}
            assert heard(b.phone.hear()) == {"agent"}

    virtual(scene())


def test_the_agent_gets_thirty_seconds_of_audio_in_thirty_seconds_through_pauses() -> None:
    async def scene() -> None:
        async with bench() as b:
            for _ in range(5):
                await b.phone.talk(tone(CALLER, 3.0))
                await asyncio.sleep(3.0)
            assert len(b.heard()) / 16000 == pytest.approx(30.0, abs=0.12)
            assert b.stream.stats.lost == b.stream.stats.excess == 0

    virtual(scene())


def test_a_thirty_second_call_has_a_packet_every_20_ms() -> None:
    async def scene() -> None:
        async with bench() as b:
            for _ in range(10):
                b.stream.play(tone(AGENT, 1.0))
                await asyncio.sleep(3.0)
            assert b.stream.stats.sent == pytest.approx(1500, abs=1)
            assert b.stream.stats.ticks_late == 0
            assert b.stream.heard == pytest.approx(10.0)
            assert len(b.talkspurts) == 10

    virtual(scene())


def test_after_a_clear_at_most_one_more_packet_of_old_speech_leaves() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.play(tone(AGENT, 20.0))
            await asyncio.sleep(1.0)
            b.phone.listen()
            assert b.stream.clear() == pytest.approx(19_000, abs=40)
            await asyncio.sleep(0.5)
            old = [packet for packet in b.phone.listen() if any(CODEC.decode(packet.payload))]
            assert len(old) <= 1
            assert b.stream.depth == 0

    virtual(scene())


def test_drain_waits_until_the_last_speech_has_left() -> None:
    async def scene() -> None:
        async with bench() as b:
            loop = asyncio.get_running_loop()
            b.stream.play(tone(AGENT, 2.05))
            begun = loop.time()
            await b.stream.drain(10.0)
            assert loop.time() - begun == pytest.approx(2.05, abs=0.05)
            assert b.stream.depth == 0
            assert b.stream.heard == pytest.approx(2.05)

    virtual(scene())


def test_drain_is_bounded_and_returns_at_once_when_nothing_is_queued() -> None:
    async def scene() -> None:
        async with bench() as b:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            await b.stream.drain(10.0)
            assert loop.time() == begun
            b.stream.play(tone(AGENT, 20.0))
            await b.stream.drain(3.0)
            assert loop.time() - begun == pytest.approx(3.0, abs=0.03)

    virtual(scene())


def test_a_barge_in_ends_a_drain() -> None:
    async def scene() -> None:
        async with bench() as b:
            loop = asyncio.get_running_loop()
            b.stream.play(tone(AGENT, 20.0))
            loop.call_later(1.0, b.stream.clear)
            begun = loop.time()
            await b.stream.drain(10.0)
            assert loop.time() - begun == pytest.approx(1.0, abs=0.03)

    virtual(scene())


def test_on_hold_silence_goes_up_and_nothing_leaves() -> None:
    async def scene() -> None:
        async with bench() as b:
            await b.phone.talk(tone(CALLER, 0.5))
            b.stream.configure(PCMU, b.phone.address, send=False, receive=False)
            b.heard()
            b.phone.listen()
            await b.phone.talk(tone(CALLER, 1.0))
            held = b.heard()
            assert not any(held)
            assert len(held) / 16000 == pytest.approx(1.0, abs=0.03)
            assert not b.phone.listen()
            assert b.stream.stats.held == 50
            b.stream.configure(PCMU, b.phone.address)
            b.heard()
            await b.phone.talk(tone(CALLER, 0.5))
            assert heard(b.heard()) == {"caller"}
            assert len(b.phone.listen()) == pytest.approx(25, abs=1)

    virtual(scene())


@pytest.mark.parametrize("nowhere", ["0.0.0.0", "::"])
def test_an_answer_that_says_nowhere_is_a_hold(nowhere: str) -> None:
    async def scene() -> None:
        async with bench() as b:
            await asyncio.sleep(0.1)
            b.stream.configure(PCMU, (nowhere, 4000))
            sent = b.stream.stats.sent
            await asyncio.sleep(0.5)
            assert b.stream.stats.sent == sent
            assert b.stream.stats.unsent == 0

    virtual(scene())


def test_the_same_answer_again_changes_nothing() -> None:
    async def scene() -> None:
        async with bench() as b:
            await b.phone.talk(tone(CALLER, 0.1))
            b.stream.configure(PCMU, b.phone.address)
            assert b.stream.source == b.phone.address
            await b.phone.talk(tone(CALLER, 0.5))
            b.phone.listen()
            timestamps = [packet.timestamp for packet in b.phone.packets]
            steps = {
                (after - before) & 0xFFFFFFFF for before, after in itertools.pairwise(timestamps)
            }
            assert steps == {160}

    virtual(scene())


def test_audio_follows_the_caller_behind_a_nat() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.configure(PCMU, ("127.0.0.1", 9))
            await asyncio.sleep(0.1)
            b.phone.listen()
            b.phone.say(bytes(160))
            await asyncio.sleep(0.1)
            assert len(b.phone.listen()) == 5
            assert b.stream.source == b.phone.address

    virtual(scene())


def test_a_strangers_packets_are_neither_heard_nor_answered() -> None:
    async def scene() -> None:
        async with bench() as b:
            stranger = Phone(("127.0.0.1", b.stream.ports.rtp_port))
            await b.phone.talk(tone(CALLER, 0.1))
            voices = zip(frames(tone(AGENT, 1.0)), frames(tone(CALLER, 1.0)), strict=True)
            for strange, known in voices:
                stranger.say(CODEC.encode(strange))
                b.phone.say(CODEC.encode(known))
                await asyncio.sleep(0.02)
            assert heard(b.heard()) == {"caller"}
            assert not stranger.listen()
            assert b.stream.stats.strangers == 50
            stranger.rtp.close()

    virtual(scene())


def test_a_lost_packet_is_waited_for_no_longer_than_the_cap() -> None:
    async def scene() -> None:
        async with bench() as b:
            await b.phone.talk(tone(CALLER, 0.2))
            b.phone._sequence += 1
            before = len(b.pcm)
            await asyncio.sleep(0.02)
            b.phone.say(CODEC.encode(tone(CALLER, 0.02)))
            await asyncio.sleep(0.060)
            assert len(b.pcm) - before == 2
            assert b.stream.stats.concealed == 1

    virtual(scene())


@pytest.mark.parametrize("stalled_s", [0.3, 2.0])
def test_after_a_stall_of_ours_what_waits_in_the_socket_goes_up_instead_of_silence(
    stalled_s: float,
) -> None:
    async def scene() -> None:
        async with bench() as b:
            await b.phone.talk(tone(CALLER, 0.2))
            b.stall(stalled_s)
            await b.phone.talk(tone(CALLER, 0.5))
            assert b.stream.stats.filled == b.stream.stats.late == b.stream.stats.excess == 0
            assert len(b.heard()) / 16000 == pytest.approx(0.7 + stalled_s, abs=0.03)

    virtual(scene())


def test_a_digit_is_told() -> None:
    async def scene() -> None:
        async with bench() as b:
            for duration in (160, 320, 480):
                b.phone.say(struct.pack("!BBH", 9, 10, duration), payload_type=101)
                b.phone._sequence -= 1
            await asyncio.sleep(0.02)
            assert b.digits == ["9"]

    virtual(scene())


def test_what_comes_under_new_keys_before_we_are_told_them_is_heard_all_the_same() -> None:
    def keys() -> Keys:
        return Keys(suite="AEAD_AES_128_GCM", send=os.urandom(28), receive=os.urandom(28))

    async def scene() -> None:
        former, new = keys(), keys()
        async with bench() as b:
            b.stream.configure(PCMU, b.phone.address, keys=former)
            for now, told in ((former, former), (new, new), (keys(), None)):
                phone = Srtp(
                    Keys(suite=now.suite, send=now.receive, receive=now.send), stats=StreamStats()
                )
                for number in range(3):
                    if number == 2 and told is not None:
                        b.stream.configure(PCMU, b.phone.address, keys=told)
                    b.phone.say(CODEC.encode(tone(CALLER, 0.02)), srtp=phone)
                    await asyncio.sleep(0.020)
            b.stream.configure(PCMU, b.phone.address, keys=keys())
            stats = b.stream.stats
            assert (stats.received, stats.lost, stats.late) == (6, 0, 0)
            assert stats.unauthenticated == 2 + 3

    virtual(scene())


def test_reports_go_to_the_next_port_and_the_peers_are_read() -> None:
    async def scene() -> None:
        async with bench() as b:
            control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            control.bind(("127.0.0.1", 0))
            b.stream.configure(PCMU, b.phone.address, remote_rtcp=control.getsockname())
            await b.phone.talk(tone(CALLER, 8.0))
            report = rtcp.parse(control.recv(2048))[0]
            assert isinstance(report, rtcp.Report)
            assert report.ntp is not None
            assert report.receptions[0].lost == 0
            loss = rtcp.Reception(
                ssrc=report.ssrc,
                fraction_lost=0.5,
                lost=12,
                highest=0,
                jitter=80,
                last_report=0,
                delay=0,
            )
            answer = rtcp.serialize(rtcp.Report(ssrc=7, receptions=(loss,)))
            control.sendto(answer, ("127.0.0.1", b.stream.ports.rtcp_port))
            control.sendto(b"no rtcp", ("127.0.0.1", b.stream.ports.rtcp_port))
            await asyncio.sleep(0.02)
            assert b.stream.stats.remote_lost == 12
            assert b.stream.stats.invalid == 1
            await b.stream.close(b.pool)
            last = b""
            with contextlib.suppress(BlockingIOError):
                while True:
                    last = control.recv(2048)
            assert isinstance(rtcp.parse(last)[-1], rtcp.Bye)
            control.close()

    virtual(scene())


def test_where_rtcp_shares_the_port_of_rtp_reports_go_where_audio_goes() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.configure(PCMU, b.phone.address, rtcp_mux=True)
            reports = []

            def listen() -> None:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        data, source = b.phone.rtp.recvfrom(2048)
                        if is_rtcp(data):
                            reports.append(rtcp.parse(data))
                            assert source == ("127.0.0.1", b.stream.ports.rtp_port)

            for _ in range(4):
                await b.phone.talk(tone(CALLER, 2.0))
                listen()
            await b.stream.close(b.pool)
            listen()
            assert isinstance(reports[0][0], rtcp.Report)
            assert isinstance(reports[-1][-1], rtcp.Bye)

    virtual(scene())


def test_reports_follow_the_caller_to_another_host() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.configure(PCMU, ("127.0.0.1", 9), remote_rtcp=("127.0.0.1", 10))
            phone = Phone(("127.0.0.1", b.stream.ports.rtp_port), host="127.0.0.2")
            control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            control.bind(("127.0.0.2", phone.address[1] + 1))
            await phone.talk(tone(CALLER, 8.0))
            assert isinstance(rtcp.parse(control.recv(2048))[0], rtcp.Report)
            control.close()
            phone.rtp.close()

    virtual(scene())


def test_rtcp_before_the_first_answer_is_nobodys() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        pool = PortPool(MEDIA[0], MEDIA[-1], bind_address="127.0.0.1", clock=loop.time)
        stream = Stream(pool.lease(), on_pcm=lambda pcm: None)
        await stream.open()
        stranger = Phone(("127.0.0.1", stream.ports.rtcp_port))
        stranger.say(b"")
        await asyncio.sleep(0.02)
        assert stream.stats.strangers == stream.stats.invalid == 0
        await stream.close(pool)
        pool.close()
        stranger.rtp.close()

    virtual(scene())


def test_rtcp_from_another_host_is_not_believed() -> None:
    async def scene() -> None:
        async with bench() as b:
            stranger = Phone(("127.0.0.1", b.stream.ports.rtcp_port), host="127.0.0.2")
            stranger.say(b"")
            await asyncio.sleep(0.02)
            assert b.stream.stats.strangers == 1
            stranger.rtp.close()

    virtual(scene())


def test_speech_before_the_first_answer_and_after_the_end_is_dropped() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        pool = PortPool(MEDIA[0], MEDIA[-1], bind_address="127.0.0.1", clock=loop.time)
        stream = Stream(pool.lease(), on_pcm=lambda pcm: None)
        await stream.open()
        stream.play(tone(AGENT, 1.0))
        assert stream.depth == stream.heard == stream.clear() == 0
        assert stream.last_received is None
        assert stream.source is None
        stream.configure(PCMU, ("127.0.0.1", 9))
        await stream.close(pool)
        await stream.close(pool)
        stream.play(tone(AGENT, 1.0))
        assert stream.depth == 0
        assert pool.draining == 1
        pool.close()

    virtual(scene())


def test_what_came_before_the_stream_opened_is_thrown_away() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        pool = PortPool(MEDIA[0], MEDIA[-1], bind_address="127.0.0.1", clock=loop.time)
        pair = pool.lease()
        phone = Phone(("127.0.0.1", pair.rtp_port))
        for _ in range(100):
            phone.say(bytes(160))
        stream = Stream(pair, on_pcm=lambda pcm: None)
        await stream.open()
        stream.configure(PCMU, phone.address)
        await asyncio.sleep(0.1)
        assert stream.stats.received == 0
        await stream.close(pool)
        pool.close()
        phone.rtp.close()

    virtual(scene())


def test_a_socket_that_cannot_send_is_counted_and_the_call_goes_on() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.configure(PCMU, ("2001:db8::1", 4000))  # no way there from an IPv4 socket
            await asyncio.sleep(1.0)
            assert b.stream.stats.unsent == pytest.approx(50, abs=2)
            b.stream.configure(PCMU, b.phone.address)
            await asyncio.sleep(0.1)
            assert b.phone.listen()

    virtual(scene())


def test_a_codec_changed_mid_call_leaves_no_gap_on_either_side() -> None:
    async def scene() -> None:
        async with bench() as b:
            await b.phone.talk(tone(CALLER, 0.5))
            pcma = Format(encoding="PCMA", payload_type=8, clock_rate=8000, sample_rate=8000)
            b.stream.configure(pcma, b.phone.address)
            codec = codec_for(pcma)
            for frame in frames(tone(CALLER, 0.5)):
                b.phone.say(codec.encode(frame), payload_type=8)
                await asyncio.sleep(0.02)
            assert len(b.heard()) / 16000 == pytest.approx(1.0, abs=0.03)
            assert b.stream.stats.lost == b.stream.stats.unexpected == 0
            kinds = [packet.payload_type for packet in b.phone.listen()]
            assert kinds == sorted(kinds)
            assert set(kinds) == {0, 8}

    virtual(scene())


def test_a_drain_waits_for_digits_and_a_clear_does_not_take_them_away() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.play(tone(AGENT, 5.0))
            b.stream.send_digits("12")
            await asyncio.sleep(0.1)
            b.stream.clear()
            await b.stream.drain(10.0)
            receiver = DigitReceiver()
            events = [packet for packet in b.phone.listen() if packet.payload_type == 101]
            digits = [receiver.receive(each.payload, each.timestamp) for each in events]
            assert "".join(digit or "" for digit in digits) == "12"
            assert b.stream.stats.digits_sent == 2

    virtual(scene())


def test_what_is_no_digit_is_not_sent() -> None:
    async def scene() -> None:
        async with bench() as b:
            with pytest.raises(ValueError, match="digits are"):
                b.stream.send_digits("call home")

    virtual(scene())


def test_a_caller_without_telephone_event_is_heard_pressing_keys_once() -> None:
    async def scene() -> None:
        async with bench() as b:
            b.stream.configure(dataclasses.replace(PCMU, event_payload_type=None), b.phone.address)
            await b.phone.talk(tone(CALLER, 0.5) + keys("1*#1") + tone(CALLER, 0.5))
            assert "".join(b.digits) == "1*#1"
            assert b.stream.stats.digits == 4

    virtual(scene())


def test_a_caller_with_telephone_event_is_not_searched_for_tones() -> None:
    async def scene() -> None:
        async with bench() as b:
            await b.phone.talk(keys("1"))
            assert not b.digits

    virtual(scene())


def keys(digits: str) -> bytes:
    """What a telephone without telephone-event sends for these keys."""
    sender, pcm = DigitSender(PCMU), b""
    sender.dial(digits)
    while sender.busy:
        part = sender.take(0)
        sounding = part is not None and part.sounding
        pcm += tones.frame(part, PCMU) if part is not None and sounding else PCMU.silence
    return pcm
