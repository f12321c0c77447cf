from bridge.ultravox.standin.utterance import BURST_S, Utterance

RATE = 8000


def utterance(text: str = "One two three four.", *, buffer_s: float = 30.0) -> Utterance:
    return Utterance(
        text,
        bytes(2 * RATE * 2),
        ordinal=0,
        sample_rate=RATE,
        buffer_s=buffer_s,
        interruptible=True,
    )


def test_a_deep_buffer_is_filled_by_bursts() -> None:
    said = utterance()
    assert len(said.due(0.0)) == BURST_S * RATE * 2
    assert len(said.due(0.02)) == BURST_S * RATE * 2


def test_a_shallow_buffer_paces_the_speech() -> None:
    said = utterance(buffer_s=0.06)
    assert len(said.due(0.0)) == 0.06 * RATE * 2
    assert len(said.due(0.02)) == 0.02 * RATE * 2
    assert said.due(0.02) == b""


def test_no_sample_is_split() -> None:
    said = utterance(buffer_s=0.0)
    said.due(0.0)
    assert len(said.due(0.000_03)) % 2 == 0


def test_nothing_is_heard_before_it_is_sent() -> None:
    said = utterance()
    assert said.heard(5.0) == ""
    said.due(0.0)
    assert said.played_s(10.0) == BURST_S


def test_the_words_heard_are_told_once() -> None:
    said = utterance()
    told = []
    for step in range(150):
        now = step * 0.02
        said.due(now)
        told.append(said.words_due(now))
    assert [words for words in told if words] == ["One ", "two ", "three ", "four."]
    assert said.played(3.0)


def test_a_word_counts_as_heard_when_it_is_over() -> None:
    said = utterance("aaaa bbbb")
    for step in range(10):
        said.due(step * 0.02)
    assert said.heard(0.8) == ""
    assert said.heard(1.0) == "aaaa "


def test_speech_without_sound_is_over_at_once() -> None:
    said = Utterance("x", b"", ordinal=0, sample_rate=RATE, buffer_s=1.0, interruptible=True)
    assert said.due(0.0) == b""
    assert said.played(0.0)
