import math
import struct

import pytest

from bridge.agents.turns import LONGEST_TURN_S, UTTERANCE_PAUSE_S, Turns

FRAME_S = 0.02
QUIET = bytes(320)
LOUD = b"".join(struct.pack("<h", int(8000 * math.sin(n / 3))) for n in range(160))


def hear(turns: Turns, frame: bytes, start: float, seconds: float) -> float:
    """Feed `seconds` of `frame` from `start` on; returns the time of the last frame."""
    frames = round(seconds / FRAME_S)
    for number in range(frames):
        turns.hear(frame, start + number * FRAME_S)
    return start + (frames - 1) * FRAME_S


def test_latency_runs_from_the_callers_last_loud_frame_to_the_agents_first() -> None:
    turns = Turns()
    hear(turns, QUIET, 0.0, 0.5)
    last = hear(turns, LOUD, 0.5, 1.0)
    hear(turns, QUIET, 1.5, 0.7)
    assert turns.agent_speaks(2.2) == pytest.approx(2.2 - last)
    assert turns.latencies == [pytest.approx(2.2 - last)]


def test_a_greeting_is_not_an_answer() -> None:
    turns = Turns()
    hear(turns, QUIET, 0.0, 1.0)
    assert turns.agent_speaks(1.0) is None


def test_the_agents_second_talkspurt_is_the_same_turn() -> None:
    turns = Turns()
    hear(turns, LOUD, 0.0, 1.0)
    assert turns.agent_speaks(1.5) is not None
    assert turns.agent_speaks(2.5) is None


def test_a_click_is_not_speech() -> None:
    turns = Turns()
    hear(turns, QUIET, 0.0, 0.5)
    hear(turns, LOUD, 0.5, 0.04)
    hear(turns, QUIET, 0.54, 0.5)
    assert turns.agent_speaks(1.1) is None


def test_steady_noise_of_the_line_is_not_speech() -> None:
    turns = Turns()
    noise = b"".join(struct.pack("<h", 150 if n % 2 else -150) for n in range(160))
    hear(turns, noise, 0.0, 2.0)
    assert turns.agent_speaks(2.1) is None


def test_speech_of_long_ago_was_not_answered() -> None:
    turns = Turns()
    last = hear(turns, LOUD, 0.0, 1.0)
    assert turns.agent_speaks(last + LONGEST_TURN_S + 0.1) is None


def test_an_utterance_begins_with_its_first_loud_frame_and_ends_with_its_last() -> None:
    turns = Turns()
    hear(turns, QUIET, 0.0, 0.5)
    assert turns.utterance(over=False) is None
    hear(turns, LOUD, 0.5, 0.4)
    hear(turns, QUIET, 0.9, 0.6)
    last = hear(turns, LOUD, 1.5, 0.5)
    hear(turns, QUIET, 2.0, 0.4)
    assert turns.utterance(over=False) == turns.utterance(over=True) == (0.5, last)
    assert turns.utterance(over=True) is None


def test_a_noise_long_before_is_no_part_of_an_utterance() -> None:
    turns = Turns()
    hear(turns, QUIET, 0.0, 0.5)
    hear(turns, LOUD, 0.5, 0.2)
    hear(turns, QUIET, 0.7, UTTERANCE_PAUSE_S)
    begins = 0.7 + UTTERANCE_PAUSE_S
    hear(turns, LOUD, begins, 0.04)  # too short for speech
    hear(turns, QUIET, begins + 0.04, 0.5)
    last = hear(turns, LOUD, begins + 0.54, 0.5)
    assert turns.utterance(over=True) == (begins + 0.54, last)


def test_the_hiss_of_a_noisy_room_is_not_speech_and_what_is_louder_is() -> None:
    turns = Turns()
    hiss = b"".join(struct.pack("<h", 900 if n % 2 else -900) for n in range(160))
    hear(turns, hiss, 0.0, 60.0)  # by now it is known
    turns.agent_speaks(60.0)
    hear(turns, hiss, 60.0, 2.0)
    assert turns.agent_speaks(62.0) is None
    last = hear(turns, LOUD, 62.0, 1.0)
    hear(turns, hiss, 63.0, 0.5)
    assert turns.agent_speaks(63.5) == pytest.approx(63.5 - last)


def test_clicks_one_after_the_other_are_not_speech() -> None:
    turns = Turns()
    for number in range(10):
        hear(turns, LOUD, number * 0.2, 0.04)
        hear(turns, QUIET, number * 0.2 + 0.04, 0.16)
    assert turns.agent_speaks(2.0) is None
