"""Two streams talk over loopback, on the loop and the clock that the service runs on."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
import uvloop

from rtp import Format, PortPool, Stream
from tests.support.ports import MEDIA
from tests.support.tones import AGENT, CALLER, heard, tone

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000)
PCMA_30 = Format(encoding="PCMA", payload_type=8, clock_rate=8000, sample_rate=8000, ptime=30)


class End:
    """One of the two streams, and what it hears."""

    def __init__(self, pool: PortPool) -> None:
        self._pcm = bytearray()
        self.talkspurts: list[float] = []
        self.stream = Stream(
            pool.lease(), on_pcm=self._pcm.extend, on_talkspurt=self.talkspurts.append
        )

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.stream.ports.rtp_port

    def heard(self) -> bytes:
        """What has been heard since the last time."""
        pcm = bytes(self._pcm)
        self._pcm.clear()
        return pcm


@contextlib.asynccontextmanager
async def line(audio: Format = PCMU) -> AsyncIterator[tuple[End, End]]:
    pool = PortPool(MEDIA[0], MEDIA[-1], bind_address="127.0.0.1")
    near, far = End(pool), End(pool)
    for end in (near, far):
        await end.stream.open()
    near.stream.configure(audio, far.address)
    far.stream.configure(audio, near.address)
    await asyncio.sleep(0.1)
    try:
        yield near, far
    finally:
        for end in (near, far):
            await end.stream.close(pool)
        pool.close()


def held_up(near: End, far: End) -> int:
    """What a machine that is too busy makes other than it was said, as the counters tell."""
    said, heard = near.stream.stats, far.stream.stats
    return said.ticks_behind + said.shed + heard.late + heard.lost + heard.filled + heard.excess


def on_uvloop(coroutine: Coroutine[Any, Any, None]) -> None:
    uvloop.run(coroutine)


@pytest.mark.parametrize("audio", [PCMU, PCMA_30], ids=["PCMU 20 ms", "PCMA 30 ms"])
def test_each_side_hears_the_others_tone_and_nothing_else(audio: Format) -> None:
    async def scene() -> None:
        async with line(audio) as (near, far):
            near.stream.play(tone(AGENT, 0.6))
            far.stream.play(tone(CALLER, 0.6))
            await asyncio.gather(near.stream.drain(5), far.stream.drain(5))
            await asyncio.sleep(0.1)
            assert heard(near.heard()) == {"caller"}
            assert heard(far.heard()) == {"agent"}
            for end in (near, far):
                assert end.stream.stats.lost == end.stream.stats.invalid == 0
                assert end.stream.heard == pytest.approx(0.6)
                assert len(end.talkspurts) == 1

    on_uvloop(scene())


def test_speech_arrives_as_it_was_played() -> None:
    async def scene() -> None:
        async with line() as (near, far):
            speech = b"".join(level.to_bytes(2, "little") * 160 for level in (132, 652, 1052, 5372))
            before = held_up(near, far)
            near.stream.play(speech)
            await near.stream.drain(5)
            await asyncio.sleep(0.1)
            assert speech in far.heard() or held_up(near, far) > before

    on_uvloop(scene())


def test_among_many_calls_each_is_heard_sample_by_sample() -> None:
    """With so many streams the process rests between them."""
    generator = random.Random(20)
    print("seed 20")
    levels = [level.to_bytes(2, "little") for level in (132, 652, 1052, 5372)]

    async def scene() -> None:
        async with contextlib.AsyncExitStack() as exits:
            lines = [await exits.enter_async_context(line()) for _ in range(12)]
            await asyncio.sleep(0.2)
            speeches = [b"".join(generator.choices(levels, k=12_000)) for _ in lines]
            before = [held_up(*each) for each in lines]
            for (near, _), speech in zip(lines, speeches, strict=True):
                near.stream.play(speech)
            await asyncio.gather(*(near.stream.drain(10) for near, _ in lines))
            await asyncio.sleep(0.1)
            late = [held_up(*each) > then for each, then in zip(lines, before, strict=True)]
            if all(late):
                pytest.skip("this machine is too busy")
            for (_, far), speech, excused in zip(lines, speeches, late, strict=True):
                assert excused or speech in far.heard()

    on_uvloop(scene())


def test_the_agent_keeps_hearing_silence_when_the_caller_falls_silent() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with line() as (near, far):
            near.stream.configure(PCMU, far.address, send=False)
            far.heard()
            begun = loop.time()
            await asyncio.sleep(0.6)
            silence = far.heard()
            elapsed = loop.time() - begun
            assert not any(silence)
            assert len(silence) / 16000 == pytest.approx(elapsed, abs=0.1)
            assert far.stream.stats.lost == 0
            near.stream.configure(PCMU, far.address)
            near.stream.play(tone(AGENT, 0.3))
            await near.stream.drain(5)
            await asyncio.sleep(0.1)
            assert heard(far.heard()) == {"agent"}
            assert far.stream.stats.late == 0

    on_uvloop(scene())


def test_a_clear_silences_the_wire() -> None:
    async def scene() -> None:
        async with line() as (near, far):
            near.stream.play(tone(AGENT, 10.0))
            await asyncio.sleep(0.3)
            dropped_ms = near.stream.clear()
            sent = near.stream.heard
            assert dropped_ms == pytest.approx(10_000 - 1000 * sent, abs=1)
            await asyncio.sleep(0.1)
            far.heard()
            await asyncio.sleep(0.2)
            assert not any(far.heard())
            assert near.stream.heard == sent

    on_uvloop(scene())
