"""Times are milliseconds after the first beat, so that a schedule reads as one."""

from itertools import pairwise

import pytest

from rtp.pacer import Beat, Pacer

START = 100.0  # s, on the grid


class Leg:
    """A pacer with a queue of frames, polled as its owner would."""

    def __init__(self) -> None:
        self.pacer = Pacer(frame_s=0.020, now=START)
        self.depth = 0.0
        self.sent: list[tuple[float, Beat, int]] = []  # when (ms), what, in which slot

    def poll(self, ms: float) -> Beat:
        beat = self.pacer.poll(START + ms / 1000, self.depth)
        if beat is not Beat.HOLD:
            self.sent.append((ms, beat, self.pacer.slot))
            if beat is Beat.SPEECH:
                self.depth = max(0.0, self.depth - 1.0)
        return beat

    def play(self, ms: float, frames: float) -> None:
        self.run(until=ms)
        self.depth += frames
        if self.pacer.eager and self.depth >= 1.0:
            self.poll(ms)

    def run(self, until: float) -> None:
        """Beat whenever the pacer wants to, up to but not at `until`."""
        while self.wake < until:
            self.poll(self.wake)

    @property
    def wake(self) -> float:
        return round((self.pacer.wake - START) * 1000, 6)

    @property
    def times(self) -> list[float]:
        return [ms for ms, _, _ in self.sent]

    @property
    def beats(self) -> list[Beat]:
        return [beat for _, beat, _ in self.sent]

    @property
    def slots(self) -> list[int]:
        return [slot for _, _, slot in self.sent]


def test_silence_beats_at_nominal_times() -> None:
    leg = Leg()
    leg.run(until=81)
    assert leg.times == [0, 20, 40, 60, 80]
    assert set(leg.beats) == {Beat.SILENCE}
    assert leg.slots == [0, 1, 2, 3, 4]


def test_a_late_beat_does_not_move_the_ones_after_it() -> None:
    leg = Leg()
    leg.run(until=20)
    leg.poll(27)
    leg.run(until=61)
    assert leg.times == [0, 27, 40, 60]


@pytest.mark.parametrize(("ms", "late_s"), [(33.0, 0.0), (40.0, 0.0), (47.0, 0.007)])
def test_a_poll_is_late_by_what_it_comes_after_its_wake_and_never_early(
    ms: float, late_s: float
) -> None:
    leg = Leg()
    leg.run(until=40)
    leg.poll(ms)
    assert leg.pacer.late_s == pytest.approx(late_s)


def test_the_slot_that_was_just_taken_lags_by_what_it_left_after_its_nominal_time() -> None:
    leg = Leg()
    leg.play(33, frames=3)  # takes the slot of 40
    assert leg.pacer.lag(START + 0.033) == pytest.approx(-0.007)
    leg.run(until=60)
    leg.poll(60)
    assert leg.pacer.lag(START + 0.061) == pytest.approx(0.001)


def test_speech_into_silence_goes_out_at_once_in_the_coming_slot() -> None:
    leg = Leg()
    leg.play(45, 5)
    assert leg.sent[-1] == (45, Beat.SPEECH, 3)


def test_the_beats_of_a_talkspurt_are_as_early_as_its_first() -> None:
    leg = Leg()
    leg.play(45, 3)
    leg.run(until=86)
    assert leg.sent[-3:] == [(45, Beat.SPEECH, 3), (65, Beat.SPEECH, 4), (85, Beat.SPEECH, 5)]


def test_the_beat_returns_to_nominal_with_silence() -> None:
    leg = Leg()
    leg.play(45, 2)
    leg.run(until=141)
    assert leg.sent[-3:] == [
        (108, Beat.SILENCE, 5),
        (120, Beat.SILENCE, 6),
        (140, Beat.SILENCE, 7),
    ]


def test_far_ahead_of_the_wire_the_beat_drifts_back_to_nominal_a_millisecond_at_a_time() -> None:
    leg = Leg()
    leg.play(55, 100)
    leg.run(until=301)
    gaps = [after - before for before, after in zip(leg.times[3:], leg.times[4:], strict=False)]
    assert gaps[:6] == pytest.approx([20, 21, 21, 21, 21, 21])
    assert leg.times[-1] == 300


def test_a_beat_that_finds_a_talkspurt_empty_is_held_for_the_piece_on_its_way() -> None:
    leg = Leg()
    leg.play(45, 1)
    leg.play(67, 1)
    leg.play(86, 1)
    assert leg.sent[-3:] == [(45, Beat.SPEECH, 3), (67, Beat.SPEECH, 4), (86, Beat.SPEECH, 5)]


def test_one_piece_that_comes_late_does_not_delay_those_after_it() -> None:
    leg = Leg()
    for ms in (45, 74, 85, 105):
        leg.play(ms, 1)
    assert leg.times[-4:] == [45, 74, 85, 105]


def test_a_wake_up_long_after_its_time_moves_the_beats_instead_of_crowding_them() -> None:
    leg = Leg()
    leg.play(45, 3)
    leg.poll(77)
    leg.run(until=98)
    assert leg.times[-3:] == [45, 77, 97]


def test_a_piece_that_comes_before_its_beat_waits_for_it() -> None:
    leg = Leg()
    leg.play(45, 1)
    leg.play(58, 1)
    leg.run(until=66)
    assert leg.sent[-2:] == [(45, Beat.SPEECH, 3), (65, Beat.SPEECH, 4)]


def feed(leg: Leg, since: int, pieces: int, offsets: tuple[int, ...] = (0,)) -> None:
    """Pieces of a frame in real time, each as late as `offsets` say in turn."""
    for number in range(pieces):
        leg.play(since + 20 * number + offsets[number % len(offsets)], 1)


def stalled() -> Leg:
    """A leg that spoke as it was fed and then stood still for a while."""
    leg = Leg()
    feed(leg, 43, 2)
    leg.depth += 2  # at 83 and 103
    leg.poll(119)
    return leg


def waits(leg: Leg, offsets: tuple[int, ...] = (0,)) -> list[float]:
    """How long each piece waited that a stalled leg was fed from 123 on."""
    left = [ms for ms, beat, _ in leg.sent if beat is Beat.SPEECH][4:]
    came = (123 + 20 * number + offsets[number % len(offsets)] for number in range(len(left)))
    return [round(ms - at, 6) for ms, at in zip(left, came, strict=True)]


def test_beats_that_a_stall_has_put_behind_a_real_time_feed_come_forward_to_it_again() -> None:
    leg = stalled()
    feed(leg, 123, 70)
    waited = waits(leg)
    assert set(waited[:30]) == {17}
    steps = [before - after for before, after in pairwise(waited)]
    assert max(steps) <= 1
    assert set(waited[60:]) == {0}
    speech = [slot for _, beat, slot in leg.sent if beat is Beat.SPEECH]
    assert speech == list(range(speech[0], speech[0] + 74))


def test_beats_come_no_further_forward_than_the_latest_piece_of_a_wandering_feed() -> None:
    leg = stalled()
    offsets = (0, 4, 1, 6, 2, 3)
    feed(leg, 123, 120, offsets)
    assert min(waits(leg, offsets)) == pytest.approx(0)
    gaps = [after - before for before, after in pairwise(leg.times[-60:])]
    assert set(gaps) == {20}


def test_beats_do_not_come_forward_to_an_agent_that_is_ahead_of_them() -> None:
    leg = stalled()
    leg.play(121, 2)
    feed(leg, 123, 100)
    leg.run(until=2000)
    gaps = [after - before for before, after in pairwise(leg.times[8:])]
    assert set(gaps[:80]) == {20}


def test_a_piece_that_comes_after_its_beat_begins_the_row_anew() -> None:
    leg = stalled()
    offsets = (*[0] * 15, 18)
    feed(leg, 123, 150, offsets)
    assert set(waits(leg, offsets)) == {0, 17}


def test_a_row_of_waits_ends_with_its_talkspurt() -> None:
    leg = stalled()
    feed(leg, 123, 30)  # each waits
    leg.run(until=800)
    feed(leg, 805, 12, (5, *[0] * 11))
    leg.run(until=1045)
    left = [ms for ms, beat, _ in leg.sent if beat is Beat.SPEECH][-12:]
    assert left == [810 + 20 * number for number in range(12)]


def test_a_row_of_waits_ends_with_a_stall() -> None:
    leg = stalled()
    feed(leg, 123, 30)
    leg.play(723, 1)
    leg.poll(leg.wake + 12)
    feed(leg, 743, 12)
    gaps = {after - before for before, after in pairwise(leg.times[-11:])}
    assert gaps == {20}


def test_a_piece_that_is_looked_at_again_waits_once() -> None:
    leg = stalled()
    for number in range(25):
        leg.play(123 + 20 * number, 1)
        leg.poll(125 + 20 * number)
    assert set(waits(leg)) == {17}


def test_a_real_time_feed_with_a_wandering_phase_never_loses_a_slot_to_silence() -> None:
    leg = Leg()
    offsets = [0, 2, 5, 1, 7, 3, 0, 6, 4, 2] * 10
    for number, offset in enumerate(offsets):
        leg.play(45 + 20 * number + offset, 1)
    leg.run(until=2100)
    speech = [slot for _, beat, slot in leg.sent if beat is Beat.SPEECH]
    assert speech == list(range(speech[0], speech[0] + len(offsets)))
    assert leg.depth == 0


def test_a_held_beat_gives_way_to_silence_after_the_grace() -> None:
    leg = Leg()
    leg.play(40, 1)
    leg.run(until=69)
    assert leg.sent[-1] == (68, Beat.SILENCE, 3)


def test_part_of_a_frame_goes_out_when_nothing_follows_within_the_grace() -> None:
    leg = Leg()
    leg.play(41, 1.5)
    leg.run(until=90)
    assert leg.sent[-2:] == [(41, Beat.SPEECH, 3), (88, Beat.SPEECH, 4)]


def test_part_of_a_frame_into_silence_waits_for_the_rest_of_it() -> None:
    leg = Leg()
    leg.play(45, 0.5)
    leg.play(63, 0.5)
    assert leg.sent[-1] == (63, Beat.SPEECH, 3)


def test_slots_whose_time_has_passed_are_skipped_never_burst() -> None:
    leg = Leg()
    leg.run(until=41)
    leg.poll(135)
    leg.run(until=181)
    assert leg.slots == [0, 1, 2, 6, 7, 8, 9]
    assert leg.times == [0, 20, 40, 135, 140, 160, 180]
    assert leg.pacer.skipped == 3


def test_speech_is_not_lost_with_a_skipped_slot() -> None:
    leg = Leg()
    leg.play(0, 10)
    leg.run(until=41)
    leg.poll(135)
    leg.run(until=400)
    assert leg.beats.count(Beat.SPEECH) == 10


def test_lateness_is_told_against_the_time_asked_for() -> None:
    leg = Leg()
    leg.poll(3)
    assert leg.pacer.late_s == pytest.approx(0.003)
    leg.poll(20)
    assert leg.pacer.late_s == 0


def test_after_a_cut_the_next_speech_begins_a_talkspurt_at_once() -> None:
    leg = Leg()
    leg.play(45, 10)
    leg.run(until=66)
    leg.depth = 0
    leg.pacer.cut(START + 0.066)
    leg.play(70, 1)
    assert leg.sent[-1] == (70, Beat.SPEECH, 5)


def test_after_a_cut_the_slot_that_ends_it_leaves_within_half_a_frame() -> None:
    leg = Leg()
    leg.play(45, 10)
    leg.run(until=66)
    leg.depth = 0
    leg.pacer.cut(START + 0.066)
    leg.run(until=141)
    assert leg.sent[-3:] == [(76, Beat.SILENCE, 5), (120, Beat.SILENCE, 6), (140, Beat.SILENCE, 7)]


def test_speech_after_such_a_slot_is_no_more_than_two_frames_early() -> None:
    leg = Leg()
    leg.play(45, 10)
    leg.run(until=66)
    leg.depth = 0
    leg.pacer.cut(START + 0.066)
    leg.play(78, 3)
    leg.run(until=121)
    assert leg.sent[-4:] == [
        (76, Beat.SILENCE, 5),
        (80, Beat.SPEECH, 6),
        (100, Beat.SPEECH, 7),
        (120, Beat.SPEECH, 8),
    ]


def test_a_cut_shortly_before_a_beat_does_not_move_it() -> None:
    leg = Leg()
    leg.play(40, 10)
    leg.run(until=96)
    leg.depth = 0
    leg.pacer.cut(START + 0.096)
    leg.run(until=121)
    assert leg.sent[-2:] == [(100, Beat.SILENCE, 5), (120, Beat.SILENCE, 6)]


def test_streams_that_start_at_odd_times_share_their_beats() -> None:
    wakes = [Pacer(frame_s=0.020, now=START + ms / 1000).wake for ms in (0.1, 1.7, 4.9, 5.0)]
    assert wakes == pytest.approx([START + 0.005] * 4)
