from typing import Any, cast

from bridge.agents.agent import Agent
from bridge.agents.speech import HELD_S
from bridge.agents.talk import Talk
from bridge.background import Background
from bridge.config import AgentConfig
from bridge.facts import Direction, Facts
from bridge.ultravox.api import Api
from bridge.ultravox.messages import PlaybackClearBuffer
from tests.support.controls import Line

RATE = 8000
SECOND = bytes(2 * RATE)


class Alone:
    """A call in which nothing has been played."""

    age = 0.0
    controls = Line()

    def clear(self, _talk: Talk) -> float:
        return 0.0

    def playing(self) -> tuple[float, float]:
        return 0.0, 0.0

    def note(self, kind: str, **fields: object) -> None: ...

    def announce(self, event: object) -> None: ...


def talk() -> Talk:
    agent = Agent(
        "a", AgentConfig(agent_id="x"), api=Api("http://127.0.0.1:1", ""), background=Background()
    )
    facts = Facts(direction=Direction.INBOUND, trunk="t", caller="c", callee="d", agent="a")
    return Talk(agent, cast("Any", Alone()), facts=facts, rate=RATE)


async def test_what_is_held_back_is_bounded_by_its_length_and_not_by_its_pieces() -> None:
    ours, heard = talk(), bytearray()
    ours.feed(heard.extend)
    for _ in range(300):
        ours.speech.say(SECOND)
    assert ours.playing()[1] == HELD_S
    ours.begin()
    assert len(heard) == HELD_S * len(SECOND)
    assert ours.playing()[1] == 0


async def test_a_barge_in_makes_room_for_what_is_held_back_next() -> None:
    ours, heard = talk(), bytearray()
    ours.feed(heard.extend)
    for _ in range(300):
        ours.speech.say(SECOND)
    ours.obey(PlaybackClearBuffer())
    ours.speech.say(b"\1\0")
    ours.begin()
    assert heard == b"\1\0"
