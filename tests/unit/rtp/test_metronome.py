"""Beats and sockets of several streams, in virtual time."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from rtp.metronome import Metronome, Served
from tests.support.clock import VirtualLoop, run_virtually

pytestmark = pytest.mark.plain  # its streams are subclasses, which compiled classes have none of

NEVER = float("inf")


class Listener(Served):
    """A stream that notes its beats and what it reads."""

    def __init__(self, metronome: Metronome, *, every: float = NEVER) -> None:
        super().__init__()
        self.metronome = metronome
        self.every = every
        self.beats: list[float] = []
        self.heard: list[bytes] = []
        self.fault: Exception | None = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(("127.0.0.1", 0))
        metronome.add(self, self.socket.fileno())

    def read(self) -> bool:
        if self.fault is not None:
            self.socket.recv(100)
            raise self.fault
        with contextlib.suppress(BlockingIOError):
            self.heard.append(self.socket.recv(100))
            return True
        return False

    def beat(self, now: float) -> None:
        self.beats.append(now)
        if self.every < NEVER:
            self.metronome.schedule(self, now + self.every)
        if self.fault is not None:
            raise self.fault

    def send_to(self, other: "Listener", data: bytes) -> None:
        self.socket.sendto(data, other.socket.getsockname())

    def close(self) -> None:
        self.metronome.remove(self, self.socket.fileno())
        self.socket.close()


def run(story: Callable[[Metronome], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        await story(Metronome.of(asyncio.get_running_loop()))

    run_virtually(told())


def close_to(times: list[float], expected: list[float]) -> bool:
    return len(times) == len(expected) and all(
        abs(each - wanted) <= 0.001 for each, wanted in zip(times, expected, strict=True)
    )


def test_each_loop_has_one_metronome() -> None:
    async def story(metronome: Metronome) -> None:
        assert Metronome.of(asyncio.get_running_loop()) is metronome

    run(story)


def test_a_beat_comes_within_a_millisecond_of_its_time() -> None:
    async def story(metronome: Metronome) -> None:
        start = metronome.time()
        stream = Listener(metronome)
        for after in (0.0203, 0.0417, 0.0600):
            metronome.schedule(stream, start + after)
            await asyncio.sleep(start + after + 0.002 - metronome.time())
        stream.close()
        assert close_to(stream.beats, [start + 0.0203, start + 0.0417, start + 0.0600])

    run(story)


def test_a_beat_that_is_moved_comes_once_and_at_its_new_time() -> None:
    async def story(metronome: Metronome) -> None:
        start = metronome.time()
        later, earlier = Listener(metronome), Listener(metronome)
        metronome.schedule(later, start + 0.010)
        metronome.schedule(later, start + 0.030)
        metronome.schedule(earlier, start + 0.030)
        metronome.schedule(earlier, start + 0.010)
        await asyncio.sleep(0.1)
        later.close()
        earlier.close()
        assert close_to(later.beats, [start + 0.030])
        assert close_to(earlier.beats, [start + 0.010])

    run(story)


def test_a_beat_beyond_the_wheel_s_reach_comes_early_and_may_be_asked_for_again() -> None:
    async def story(metronome: Metronome) -> None:
        start = metronome.time()
        stream = Listener(metronome)
        metronome.schedule(stream, start + 0.4)
        await asyncio.sleep(0.3)
        assert len(stream.beats) == 1
        metronome.schedule(stream, start + 0.4)
        await asyncio.sleep(0.2)
        stream.close()
        assert len(stream.beats) == 2
        assert abs(stream.beats[1] - start - 0.4) <= 0.001

    run(story)


def test_a_beat_in_the_past_comes_at_once() -> None:
    async def story(metronome: Metronome) -> None:
        stream = Listener(metronome)
        metronome.schedule(stream, metronome.time() - 5.0)
        await asyncio.sleep(0.003)
        stream.close()
        assert len(stream.beats) == 1

    run(story)


def test_after_a_stall_every_stream_has_its_beat_once() -> None:
    async def story(metronome: Metronome) -> None:
        streams = [Listener(metronome, every=0.020) for _ in range(5)]
        for number, stream in enumerate(streams):
            metronome.schedule(stream, metronome.time() + 0.004 * number)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        await asyncio.sleep(0.050)
        before = [len(stream.beats) for stream in streams]
        loop.jump(2.0)
        await asyncio.sleep(0.001)
        assert [len(stream.beats) for stream in streams] == [count + 1 for count in before]
        for stream in streams:
            stream.close()

    run(story)


def test_a_datagram_is_read_at_once_and_all_that_wait_with_it() -> None:
    async def story(metronome: Metronome) -> None:
        near, far = Listener(metronome), Listener(metronome)
        for number in range(5):
            near.send_to(far, bytes([number]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert far.heard == [bytes([number]) for number in range(5)]
        near.close()
        far.close()

    run(story)


def test_one_stream_s_fault_is_told_and_no_other_s() -> None:
    async def story(metronome: Metronome) -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        bad, good = Listener(metronome, every=0.020), Listener(metronome, every=0.020)
        bad.fault = ValueError("bad")
        for stream in (bad, good):
            metronome.schedule(stream, metronome.time() + 0.010)
        good.send_to(bad, b"x")
        good.send_to(good, b"y")
        await asyncio.sleep(0.100)
        assert good.heard == [b"y"]
        assert len(good.beats) == len(bad.beats) >= 4
        assert told[0]["exception"] is bad.fault
        assert len(told) == 1 + len(bad.beats)
        bad.close()
        good.close()

    run(story)


def test_a_stream_that_is_gone_has_no_more_beats() -> None:
    async def story(metronome: Metronome) -> None:
        gone, there = Listener(metronome, every=0.020), Listener(metronome, every=0.020)
        for stream in (gone, there):
            metronome.schedule(stream, metronome.time() + 0.010)
        gone.close()
        await asyncio.sleep(0.050)
        there.close()
        assert not gone.beats
        assert there.beats

    run(story)


def test_with_the_last_stream_nothing_is_left_in_the_loop() -> None:
    async def story(metronome: Metronome) -> None:
        stream = Listener(metronome, every=0.020)
        metronome.schedule(stream, metronome.time() + 0.010)
        stream.close()
        assert Metronome.of(asyncio.get_running_loop()) is not metronome

    run(story)


def test_many_streams_are_served_together_and_the_loop_goes_on_meanwhile() -> None:
    """On a real loop: the process rests between beats, and wakes far less often than it serves."""

    async def story() -> tuple[int, int, int, int]:
        metronome = Metronome.of(asyncio.get_running_loop())
        streams = [Listener(metronome, every=0.010) for _ in range(40)]
        for number, stream in enumerate(streams):
            metronome.schedule(stream, metronome.time() + 0.00025 * number)

        async def talk(seconds: float) -> int:
            turns, until = 0, time.monotonic() + seconds
            while time.monotonic() < until:
                streams[turns % 40].send_to(streams[(turns + 1) % 40], b"x")
                await asyncio.sleep(0)
                turns += 1
            return turns

        hurried = await talk(0.1)
        await asyncio.sleep(0.05)
        rested = await talk(0.3)
        await asyncio.sleep(0.01)
        beats = sum(len(stream.beats) for stream in streams)
        heard = sum(len(stream.heard) for stream in streams)
        for stream in streams:
            stream.close()
        return hurried, rested, beats, heard

    hurried, rested, beats, heard = uvloop.run(story())
    assert heard == hurried + rested
    # One a millisecond; in a hurry, as they are while new, nothing waits.
    assert 0 < rested <= 320
    assert hurried > rested
    assert beats >= 40


def test_from_many_streams_to_few_and_back_none_is_forgotten() -> None:
    """On a real loop: those that stay are read whether the process rests or not."""

    async def story() -> list[int]:
        metronome = Metronome.of(asyncio.get_running_loop())
        first = Listener(metronome)
        heard = []
        for _ in range(2):
            others = [Listener(metronome) for _ in range(30)]
            others[0].send_to(first, b"many")
            await asyncio.sleep(0.02)
            heard.append(len(first.heard))
            for stream in others[1:]:
                stream.close()
            await asyncio.sleep(0.02)
            others[0].send_to(first, b"few")
            await asyncio.sleep(0.02)
            heard.append(len(first.heard))
            others[0].close()
        first.close()
        return heard

    assert uvloop.run(story()) == [1, 2, 3, 4]
