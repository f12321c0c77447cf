import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.marker import (
    FRAME_BYTES,
    FRAMES,
    PAUSE_FRAMES,
    SILENCE,
    SPEECH_FRAMES,
    Finder,
    frame,
    frame_id,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop


def test_a_frame_is_twenty_milliseconds() -> None:
    assert len(frame(frame_id(0, 0))) == FRAME_BYTES


def test_a_frame_survives_the_way_through_linear_audio() -> None:
    sent = frame(frame_id(1023, FRAMES - 1))
    assert audioop.lin2ulaw(audioop.ulaw2lin(sent, 2), 2) == sent


def test_a_pause_is_faint_and_talk_is_loud() -> None:
    peaks = [
        audioop.max(audioop.ulaw2lin(frame(frame_id(1023, number)), 2), 2)
        for number in (0, SPEECH_FRAMES - 1, SPEECH_FRAMES, SPEECH_FRAMES + PAUSE_FRAMES - 1)
    ]
    assert [peak < 200 for peak in peaks] == [False, False, True, True]


@given(
    identities=st.lists(st.integers(0, FRAMES * 1024 - 1), min_size=1, max_size=8),
    silence=st.integers(0, 400),
    cuts=st.lists(st.integers(1, 400), max_size=12),
)
def test_marks_are_found_wherever_packets_begin_and_end(
    identities: list[int], silence: int, cuts: list[int]
) -> None:
    stream = SILENCE * silence + b"".join(frame(each) for each in identities)
    finder, found, position = Finder(), [], 0
    for at, size in enumerate([*cuts, len(stream)]):
        for identity, began in finder.feed(stream[position : position + size], float(at)):
            found.append((identity, began))
        position += size

    edges = [sum(cuts[:count]) for count in range(1, len(cuts) + 1)]
    expected = [
        (identity, float(sum(edge <= silence + place * FRAME_BYTES for edge in edges)))
        for place, identity in enumerate(identities)
    ]
    assert found == expected


@pytest.mark.parametrize("damaged", [b"\xfe\xfe\xec\xec\xec\xec", b"\xfe\xec\x00\xec\xec\xec"])
def test_a_damaged_mark_is_passed_over(damaged: bytes) -> None:
    whole = frame(frame_id(3, 5))
    assert Finder().feed(damaged + SILENCE * 4 + whole, 1.0) == [(frame_id(3, 5), 1.0)]
