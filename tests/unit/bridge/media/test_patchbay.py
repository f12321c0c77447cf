import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.media.patchbay import Patchbay, Take
from tests.support.clock import run_virtually
from tests.support.tones import heard, strength, tone

FRAME_S = 0.020


class Voice:
    """A node that speaks when told to and keeps what it hears."""

    def __init__(self, *, rate: int = 8000, live: bool = True, steady: bool = False) -> None:
        self.rate, self.live, self.steady = rate, live, steady
        self.take: Take | None = None
        self.heard = b""
        self.queued = b""
        """Taken, and not yet heard: what `clear` drops."""
        self.fed = 0

    def feed(self, take: Take | None) -> None:
        self.take = take
        self.fed += 1

    def inlet(self, *, live: bool) -> Take:
        return self._hear

    def clear(self) -> float:
        dropped, self.queued = self.queued, b""
        return len(dropped) / (2 * self.rate) * 1000

    def withdraw(self) -> bytes:
        queued, self.queued = self.queued, b""
        return queued

    def say(self, pcm: bytes) -> None:
        if self.take is not None:
            self.take(pcm)

    def _hear(self, pcm: bytes) -> None:
        self.heard += pcm
        self.queued += pcm

    async def talk(self, pitch: float, seconds: float) -> None:
        """Say a tone as it is spoken, frame by frame."""
        pcm, size = tone(pitch, seconds, sample_rate=self.rate, level=0.3), int(self.rate * 0.04)
        for start in range(0, len(pcm), size):
            self.say(pcm[start : start + size])
            await asyncio.sleep(FRAME_S)


def virtually(test: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await test()

    run_virtually(run())


def test_one_source_is_handed_on_as_it_comes() -> None:
    async def story() -> None:
        caller, agent, bay = Voice(), Voice(live=False, steady=True), Patchbay()
        bay.connect(caller, agent)
        bay.connect(agent, caller)
        # The sink's own callback, with nothing between: the straight path stays straight.
        assert caller.take == agent._hear
        assert agent.take == caller._hear
        caller.say(b"\1\0")
        assert agent.heard == b"\1\0"
        bay.close()

    virtually(story)


def test_an_agent_that_nobody_feeds_any_more_hears_a_second_of_silence_each_second() -> None:
    async def story() -> None:
        caller, agent, bay = Voice(), Voice(live=False, steady=True), Patchbay()
        bay.connect(caller, agent)
        bay.disconnect(caller, agent)
        await asyncio.sleep(10)
        assert abs(len(agent.heard) / 16000 - 10) < 0.05
        assert not any(agent.heard)
        assert caller.take is None
        bay.connect(caller, agent)
        before = len(agent.heard)
        await asyncio.sleep(1)
        assert len(agent.heard) == before
        bay.close()

    virtually(story)


def test_a_stall_of_ours_costs_the_agent_no_silence() -> None:
    async def story() -> None:
        caller, agent, bay = Voice(), Voice(live=False, steady=True), Patchbay()
        bay.connect(caller, agent)
        bay.disconnect(caller, agent)
        await asyncio.sleep(1)
        asyncio.get_running_loop().jump(0.5)  # type: ignore[attr-defined]
        await asyncio.sleep(1)
        assert abs(len(agent.heard) / 16000 - 2.5) < 0.05
        bay.close()

    virtually(story)


def test_an_agent_with_two_legs_hears_both_and_no_more_than_time_has_passed() -> None:
    async def story() -> None:
        caller, operator = Voice(), Voice()
        agent, bay = Voice(live=False, steady=True), Patchbay()
        bay.connect(caller, agent)
        bay.connect(operator, agent)
        await asyncio.gather(caller.talk(440, 2), operator.talk(1000, 2))
        assert heard(agent.heard[8000:], least=0.2) == {"caller", "agent"}
        assert abs(len(agent.heard) / 16000 - 2) < 0.05
        bay.close()

    virtually(story)


def test_a_leg_whose_clock_is_fast_gains_no_delay_in_the_mix() -> None:
    async def story() -> None:
        caller, operator = Voice(), Voice()
        agent, bay = Voice(live=False, steady=True), Patchbay()
        bay.connect(caller, agent)
        bay.connect(operator, agent)
        for _ in range(500):
            caller.say(tone(440, 0.021))
            await asyncio.sleep(FRAME_S)
        bay.disconnect(operator, agent)  # what waits is handed over
        assert len(agent.heard) / 16000 <= 10.0 + 0.15
        bay.close()

    virtually(story)


def test_what_an_agent_has_queued_goes_on_when_another_voice_joins() -> None:
    async def story() -> None:
        agent, operator, caller = Voice(live=False), Voice(), Voice()
        bay = Patchbay()
        bay.connect(agent, caller)
        agent.say(tone(1000, 3))
        bay.connect(operator, caller)
        caller.heard = b""
        await operator.talk(440, 2)
        assert heard(caller.heard) == {"caller", "agent"}
        bay.close()

    virtually(story)


def test_a_clear_drops_one_agents_speech_and_leaves_the_others_alone() -> None:
    async def story() -> None:
        agent, music, caller = Voice(live=False), Voice(live=False), Voice()
        bay = Patchbay()
        bay.connect(agent, caller)
        bay.connect(music, caller)
        agent.say(tone(1000, 3))
        music.say(tone(440, 3))
        assert bay.clear(agent) == pytest.approx(3000)
        await asyncio.sleep(1)
        assert heard(caller.heard) == {"caller"}
        bay.disconnect(agent, caller)
        assert bay.clear(agent) == 0
        bay.close()

    virtually(story)


def test_what_is_played_instead_is_heard_alone_and_ends_with_what_it_had_queued() -> None:
    async def story() -> None:
        agent, music, caller = Voice(live=False), Voice(live=False), Voice()
        bay = Patchbay()
        bay.connect(agent, caller)
        bay.connect(caller, agent)
        bay.play_instead(music, caller)
        agent.say(tone(1000, 1))
        music.say(tone(440, 1))
        assert heard(caller.heard) == {"caller"}
        assert agent.take is None
        assert bay.hears(caller, agent)
        bay.restore(music, caller)
        assert caller.queued == b""
        agent.say(tone(1000, 1))
        assert heard(caller.queued) == {"agent"}
        bay.close()

    virtually(story)


@pytest.mark.parametrize(("ours", "theirs"), [(8000, 16000), (16000, 8000), (8000, 48000)])
def test_nodes_of_two_rates_hear_each_other_at_their_own(ours: int, theirs: int) -> None:
    async def story() -> None:
        one, other, bay = Voice(rate=ours), Voice(rate=theirs), Patchbay()
        bay.connect(one, other)
        await one.talk(440, 1)
        assert len(other.heard) / 2 == pytest.approx(theirs, rel=0.01)
        assert strength(other.heard, 440, sample_rate=theirs) > 0.25
        bay.close()

    virtually(story)


def test_a_node_that_is_gone_is_heard_nowhere_and_runs_nothing() -> None:
    async def story() -> None:
        caller, operator = Voice(), Voice()
        agent, bay = Voice(live=False, steady=True), Patchbay()
        for leg in (caller, operator):
            bay.connect(leg, agent)
            bay.connect(agent, leg)
        bay.remove(operator)
        assert operator.take is None
        assert caller.take == agent._hear
        bay.remove(agent)
        before = len(agent.heard)
        await asyncio.sleep(1)
        assert len(agent.heard) == before
        bay.close()

    virtually(story)


def test_two_listeners_hear_the_same() -> None:
    async def story() -> None:
        agent, caller, operator, bay = Voice(live=False), Voice(), Voice(), Patchbay()
        bay.connect(agent, caller)
        bay.connect(agent, operator)
        agent.say(b"\1\0\2\0")
        assert caller.heard == operator.heard == b"\1\0\2\0"
        assert bay.clear(agent) > 0
        assert caller.queued == operator.queued == b""
        bay.close()

    virtually(story)


def test_an_agent_hears_what_runs_ahead_of_time_no_faster_than_time_passes() -> None:
    async def story() -> None:
        player, agent, bay = Voice(live=False), Voice(live=False, steady=True), Patchbay()
        bay.connect(player, agent)
        player.say(tone(440, 3))
        await asyncio.sleep(1)
        assert abs(len(agent.heard) / 16000 - 1) < 0.05
        assert bay.clear(player) == pytest.approx(2000, abs=50)
        await asyncio.sleep(1)
        assert abs(len(agent.heard) / 16000 - 2) < 0.05
        assert not any(agent.heard[17000:])
        bay.close()

    virtually(story)


def test_who_takes_anothers_place_hears_and_is_heard_as_that_one_was() -> None:
    async def story() -> None:
        old, new, agent, tape = Voice(), Voice(), Voice(live=False), Voice()
        player, bay = Voice(live=False), Patchbay()
        for source, sink in ((agent, old), (player, old), (old, agent), (old, tape)):
            bay.connect(source, sink)
        bay.connect(old, new)
        bay.hand_over(old, new)
        assert list(bay.sources(new)) == [agent, player]
        assert bay.sources(agent) == bay.sources(tape) == [new]
        assert not bay.sources(old)
        bay.close()

    virtually(story)
