from dataclasses import dataclass, field

import pytest

from bridge.agents.hearing import Hearing, Span


@dataclass
class Wire:
    """A playout in virtual time: what is queued is heard second by second."""

    hearing: Hearing = field(default_factory=Hearing)
    now: float = 10.0
    heard: float = 0.0
    queued: float = 0.0

    def audio(self, seconds: float) -> None:
        if not self.queued:
            self.heard += 0.02
            self.hearing.spurt(self.now, self.heard)
            seconds -= 0.02
        self.queued += seconds

    def wait(self, seconds: float) -> None:
        played = min(seconds, self.queued)
        self.queued = round(self.queued - played, 6)
        self.heard += played
        self.now += seconds

    def speaks(self) -> None:
        self.hearing.speaks(self.heard)

    def word(self, ordinal: int) -> None:
        self.hearing.word(ordinal, self.heard, self.queued)

    def final(self, ordinal: int) -> None:
        self.hearing.final(ordinal, self.heard, self.queued)

    def pauses(self) -> None:
        self.hearing.pauses(self.heard, self.queued)

    def cut(self) -> None:
        dropped, self.queued = self.queued, 0.0
        self.hearing.cut(self.heard, dropped)

    def span(self, ordinal: int) -> tuple[float | None, float | None, float, float, bool]:
        """began, until, heard, said, interrupted: rounded to what matters."""
        span = self.hearing.span(ordinal)
        assert isinstance(span, Span)
        times = [None if at is None else round(at, 1) for at in (span.began, span.until)]
        return (times[0], times[1], round(span.heard_s, 1), round(span.said_s, 1), span.interrupted)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_an_utterance_is_timed_by_what_is_on_the_wire(wire: Wire) -> None:
    wire.speaks()
    wire.audio(3.0)
    wire.word(0)
    wire.wait(3.0)
    wire.final(0)
    wire.pauses()
    assert wire.span(0) == (10.0, 13.0, 3.0, 3.0, False)


def test_a_text_that_is_final_before_it_was_heard_ends_when_it_will_have_been(wire: Wire) -> None:
    wire.speaks()
    wire.audio(3.0)
    wire.wait(1.0)
    wire.final(0)
    assert wire.span(0) == (10.0, 13.0, 3.0, 3.0, False)
    wire.wait(0.5)
    wire.cut()
    assert wire.span(0) == (10.0, 11.5, 1.5, 3.0, True)


def test_audio_that_follows_its_final_text_still_belongs_to_it(wire: Wire) -> None:
    wire.speaks()
    wire.final(0)
    wire.audio(2.0)
    wire.wait(1.0)
    wire.audio(1.0)
    wire.pauses()
    wire.wait(5.0)
    wire.speaks()
    wire.audio(1.0)
    wire.wait(1.0)
    wire.final(1)
    wire.pauses()
    assert wire.span(0) == (10.0, 13.0, 3.0, 3.0, False)
    assert wire.span(1) == (16.0, 17.0, 1.0, 1.0, False)


def test_a_barge_in_tells_what_was_heard_of_what_was_said(wire: Wire) -> None:
    wire.speaks()
    wire.audio(20.0)
    wire.word(0)
    wire.wait(2.5)
    wire.cut()
    wire.final(0)
    wire.pauses()
    wire.wait(4.0)
    wire.speaks()
    wire.audio(1.0)
    wire.wait(1.0)
    wire.final(2)
    assert wire.span(0) == (10.0, 12.5, 2.5, 20.0, True)
    assert wire.span(2) == (16.5, 17.5, 1.0, 1.0, False)


def test_of_two_utterances_queued_a_barge_in_cuts_one_and_leaves_the_other_unheard(
    wire: Wire,
) -> None:
    wire.speaks()
    wire.audio(2.0)
    wire.word(0)
    wire.final(0)
    wire.word(1)
    wire.audio(3.0)
    wire.final(1)
    wire.wait(1.0)
    wire.cut()
    assert wire.span(0) == (10.0, 11.0, 1.0, 2.0, True)
    assert wire.span(1) == (None, None, 0.0, 3.0, True)


def test_one_utterance_may_follow_another_without_a_pause(wire: Wire) -> None:
    wire.speaks()
    wire.audio(2.0)
    wire.word(0)
    wire.wait(1.0)
    wire.word(1)
    wire.audio(2.0)
    wire.wait(3.0)
    wire.final(0)
    wire.final(1)
    assert wire.span(0) == (10.0, 12.0, 2.0, 2.0, False)
    assert wire.span(1) == (12.0, 14.0, 2.0, 2.0, False)


def test_without_states_and_words_the_talkspurts_tell(wire: Wire) -> None:
    wire.audio(1.0)
    wire.wait(1.0)
    wire.final(0)
    wire.wait(2.0)
    wire.audio(1.5)
    wire.wait(1.5)
    wire.final(3)
    assert wire.span(0) == (10.0, 11.0, 1.0, 1.0, False)
    assert wire.span(3) == (13.0, 14.5, 1.5, 1.5, False)


def test_an_utterance_with_a_pause_in_its_audio_ends_with_its_last_talkspurt(wire: Wire) -> None:
    wire.speaks()
    wire.audio(1.0)
    wire.wait(1.7)
    wire.audio(1.0)
    wire.wait(1.0)
    wire.final(0)
    assert wire.span(0) == (10.0, 12.7, 2.0, 2.0, False)


def test_music_between_utterances_is_none_of_theirs(wire: Wire) -> None:
    wire.speaks()
    wire.audio(1.0)
    wire.wait(1.0)
    wire.final(0)
    wire.pauses()
    wire.heard += 30.0
    wire.now += 30.0
    wire.speaks()
    wire.audio(1.0)
    wire.wait(1.0)
    wire.final(1)
    assert wire.span(0) == (10.0, 11.0, 1.0, 1.0, False)
    assert wire.span(1) == (41.0, 42.0, 1.0, 1.0, False)


def test_a_text_that_nobody_spoke_has_no_times(wire: Wire) -> None:
    assert wire.hearing.span(0) is None
    wire.final(0)
    assert wire.span(0) == (None, None, 0.0, 0.0, False)


def test_a_clear_with_nothing_queued_interrupts_nothing(wire: Wire) -> None:
    wire.speaks()
    wire.audio(1.0)
    wire.wait(2.0)
    wire.final(0)
    wire.cut()
    wire.cut()
    assert wire.span(0) == (10.0, 11.0, 1.0, 1.0, False)


def test_a_long_call_keeps_no_more_than_it_needs(wire: Wire) -> None:
    for ordinal in range(500):
        wire.speaks()
        wire.audio(1.0)
        wire.wait(2.0)
        wire.final(ordinal)
        wire.pauses()
    assert len(wire.hearing._speeches) <= 8
    assert wire.span(0) == (10.0, 11.0, 1.0, 1.0, False)
    assert wire.span(499) == (1008.0, 1009.0, 1.0, 1.0, False)


def test_what_is_cut_off_at_its_first_packet_ends_after_it_began(wire: Wire) -> None:
    wire.speaks()
    wire.audio(2.0)
    wire.word(0)
    wire.wait(2.0)
    wire.final(0)
    wire.pauses()
    wire.wait(5.0)
    wire.speaks()
    wire.audio(3.0)
    wire.word(1)
    wire.cut()
    wire.final(1)
    assert wire.span(1) == (17.0, 17.0, 0.0, 3.0, True)
    span = wire.hearing.span(1)
    assert span is not None
    assert span.began is not None
    assert span.until == pytest.approx(span.began + 0.02)
