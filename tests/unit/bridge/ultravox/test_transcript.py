from bridge.ultravox.messages import Medium, Role, Transcript, Transcripts


def said(
    ordinal: int,
    *,
    text: str | None = None,
    delta: str | None = None,
    final: bool = False,
    role: Role = Role.AGENT,
) -> Transcript:
    return Transcript(
        role=role, medium=Medium.VOICE, text=text, delta=delta, final=final, ordinal=ordinal
    )


def test_deltas_add_up_to_an_utterance() -> None:
    transcripts = Transcripts()
    assert transcripts.add(said(0, delta="Hello ")) is None
    assert transcripts.add(said(0, delta="there.")) is None
    assert [utterance.text for utterance in transcripts.utterances] == ["Hello there."]


def test_a_final_message_completes_the_utterance() -> None:
    transcripts = Transcripts()
    transcripts.add(said(0, delta="Hello "))
    done = transcripts.add(said(0, text="Hello there.", final=True))
    assert done is not None
    assert (done.text, done.final) == ("Hello there.", True)


def test_a_final_message_without_text_keeps_the_deltas() -> None:
    transcripts = Transcripts()
    transcripts.add(said(0, delta="Hello."))
    done = transcripts.add(said(0, final=True))
    assert done is not None
    assert done.text == "Hello."


def test_an_interrupted_utterance_is_cut_to_what_was_heard() -> None:
    transcripts = Transcripts()
    transcripts.add(said(0, delta="A long story "))
    transcripts.add(said(0, text="A long", final=True))
    assert transcripts.utterances[0].text == "A long"


def test_a_late_delta_does_not_reopen_an_utterance() -> None:
    transcripts = Transcripts()
    transcripts.add(said(0, text="Done.", final=True))
    assert transcripts.add(said(0, delta=" More")) is None
    assert transcripts.utterances[0].text == "Done."


def test_a_repeated_final_is_not_reported_twice() -> None:
    transcripts = Transcripts()
    assert transcripts.add(said(0, text="Yes.", final=True)) is not None
    assert transcripts.add(said(0, text="Yes.", final=True)) is None


def test_utterances_are_ordered_by_ordinal_not_by_arrival() -> None:
    transcripts = Transcripts()
    transcripts.add(said(2, text="Fine.", final=True))
    transcripts.add(said(1, text="How are you?", final=True, role=Role.USER))
    assert [utterance.ordinal for utterance in transcripts.utterances] == [1, 2]
