"""What a leg has heard of those who speak to it, where files are played to it too."""

from collections.abc import Callable
from typing import Any

import pytest

from bridge.parties.sound import LegSound

RATE = 8000


class Wire:
    """A stream as far as a leg's sound knows it: what is queued is heard as time is let pass."""

    def __init__(self, **told: Callable[..., None]) -> None:
        self.heard = 0.0
        self._queued = b""

    @property
    def depth(self) -> float:
        return len(self._queued) / (2 * RATE)

    def play(self, pcm: bytes) -> None:
        self._queued += pcm

    def withdraw(self) -> bytes:
        queued, self._queued = self._queued, b""
        return queued

    def elapse(self, seconds: float) -> None:
        size = min(int(2 * RATE * seconds), len(self._queued))
        self._queued = self._queued[size:]
        self.heard += size / (2 * RATE)


def sound(seconds: float) -> bytes:
    return bytes(int(2 * RATE * seconds))


@pytest.fixture
def leg() -> LegSound:
    opener: Any = Wire
    return LegSound(
        opener,
        rate=RATE,
        gain_in_db=0.0,
        gain_out_db=0.0,
        on_digit=lambda digit: None,
        on_talkspurt=lambda at: None,
    )


def test_a_file_is_no_speech_and_what_it_interrupted_still_waits(leg: LegSound) -> None:
    wire: Any = leg.stream
    say = leg.inlet(live=False)
    say(sound(2.0))
    wire.elapse(0.5)
    leg.set_aside()
    say(sound(4.0))  # the file
    wire.elapse(3.0)
    assert leg.spoken() == (0.5, 1.5)
    leg.withdraw()  # the rest of it
    assert leg.spoken() == (0.5, 1.5)
    say(leg.take_up())
    wire.elapse(0.5)
    assert leg.spoken() == (1.0, 1.0)


def test_a_second_file_in_place_of_the_first_is_none_either(leg: LegSound) -> None:
    wire: Any = leg.stream
    say = leg.inlet(live=False)
    for _ in range(2):
        say(sound(1.0))
        wire.elapse(1.0)
        leg.set_aside()
        say(sound(1.0))
        wire.elapse(1.0)
        assert leg.take_up() == b""
    assert leg.spoken() == (2.0, 0.0)
