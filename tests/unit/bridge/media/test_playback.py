import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.media.patchbay import Patchbay, Take
from bridge.media.playback import Playback
from tests.support.clock import run_virtually
from tests.support.tones import tone

RATE = 8000


class Ear:
    """Keeps what it hears, and what of it waits."""

    rate = RATE
    steady = False

    def __init__(self) -> None:
        self.heard = self.queued = b""

    def inlet(self, *, live: bool) -> Take:
        def take(pcm: bytes) -> None:
            self.heard += pcm
            self.queued += pcm

        return take

    def clear(self) -> float:
        self.queued = b""
        return 0.0

    def withdraw(self) -> bytes:
        return b""


def virtually(test: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await test()

    run_virtually(run())


def test_a_file_plays_once_to_all_and_leaves() -> None:
    async def story() -> None:
        clock, bay, one, two = asyncio.get_running_loop().time, Patchbay(), Ear(), Ear()
        pcm = tone(440, 5)
        player = Playback(pcm, rate=RATE, loop=False, patchbay=bay)
        for ear in (one, two):
            bay.connect(player, ear)
            player.begin(asyncio.ensure_future)
        began = clock()
        await player.ended()
        assert clock() - began == pytest.approx(5, abs=0.2)
        assert one.heard == two.heard == pcm
        assert not bay.sources(one)
        player.begin(asyncio.ensure_future)
        await asyncio.sleep(5)
        assert one.heard == pcm

    virtually(story)


def test_a_file_that_is_stopped_is_heard_no_more() -> None:
    async def story() -> None:
        bay, ear = Patchbay(), Ear()
        player = Playback(tone(440, 1), rate=RATE, loop=True, patchbay=bay)
        bay.connect(player, ear)
        player.begin(asyncio.ensure_future)
        await asyncio.sleep(10)
        assert 10 <= len(ear.heard) / (2 * RATE) <= 13
        player.stop()
        player.stop()
        assert player.over
        assert not ear.queued
        before = ear.heard
        await asyncio.sleep(5)
        assert ear.heard == before

    virtually(story)


def test_a_file_that_is_stopped_before_it_begins_never_does() -> None:
    async def story() -> None:
        bay, ear = Patchbay(), Ear()
        player = Playback(tone(440, 1), rate=RATE, loop=False, patchbay=bay)
        bay.connect(player, ear)
        player.begin(asyncio.ensure_future)
        player.stop()
        await player.ended()
        await asyncio.sleep(1)
        assert not ear.heard

    virtually(story)
