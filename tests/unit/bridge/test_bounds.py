"""What others send without end is kept within bounds: the oldest goes, or the rest is refused."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bridge.agents import hearing as hearings
from bridge.agents import minutes as minute_books
from bridge.agents import turns as turn_counts
from bridge.agents.hearing import Hearing
from bridge.agents.minutes import Minutes
from bridge.agents.speech import HELD_S, Speech
from bridge.agents.turns import Turns
from bridge.parties.keypad import Keypad
from bridge.parties.party import PROGRESS_CAPACITY, Party
from bridge.ultravox import transcript as transcripts_of
from bridge.ultravox.messages import Medium, Role, Transcript, Transcripts
from rtp.dtmf import DIGITS_CAPACITY
from sip import ReferProgress

MANY = 50


def said(ordinal: int, text: str, role: Role = Role.AGENT) -> Transcript:
    return Transcript(
        role=role, medium=Medium.TEXT, text=text, delta=None, final=True, ordinal=ordinal
    )


def test_of_a_conversation_without_end_the_last_utterances_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transcripts_of, "UTTERANCES", 10)
    transcripts = Transcripts()
    for ordinal in range(MANY):
        transcripts.add(said(ordinal, str(ordinal)))
    assert [each.text for each in transcripts.utterances] == [str(each) for each in range(40, MANY)]


def test_an_utterance_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcripts_of, "TEXT_LIMIT", 10)
    transcripts = Transcripts()
    for _ in range(MANY):
        transcripts.add(
            Transcript(
                role=Role.AGENT,
                medium=Medium.VOICE,
                text=None,
                delta="word ",
                final=False,
                ordinal=0,
            )
        )
    assert [each.text for each in transcripts.utterances] == ["word word "]


def test_of_what_was_written_the_last_times_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minute_books, "UTTERANCES", 10)
    minutes = Minutes(cast("Any", SimpleNamespace(age=1.0, playing=lambda: (0.0, 0.0))))
    for ordinal in range(MANY):
        minutes.take(said(ordinal, "yes", Role.USER), caller_spoke=None)
    timed = [entry for entry in minutes.entries() if "until" in entry]
    assert len(timed) == 10


def test_of_what_an_agent_said_the_last_utterances_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearings, "SPEECHES", 10)
    hearing = Hearing()
    for ordinal in range(MANY):
        hearing.final(ordinal, heard=float(ordinal), queued=1.0)
    known = [ordinal for ordinal in range(MANY) if hearing.span(ordinal) is not None]
    assert known == list(range(40, MANY))


@pytest.mark.plain
def test_of_turns_without_end_the_last_latencies_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_counts, "TURNS", 10)
    turns = Turns()
    loud = b"\x00\x40\x00\xc0" * 80
    for number in range(MANY):
        for frame in range(5):
            turns.hear(loud, number + frame / 50)
        turns.agent_speaks(number + 0.5)
    assert len(turns.latencies) == 10


def test_speech_that_nobody_hears_yet_is_held_for_a_while() -> None:
    speech = Speech(8000)
    for _ in range(2 * int(HELD_S)):
        speech.say(bytes(16_000))
    assert speech.held_s == HELD_S


async def test_of_reports_of_a_transfer_that_nobody_reads_the_last_are_kept() -> None:
    party = SimpleNamespace(progress=asyncio.Queue())
    for code in range(100, 100 + 2 * PROGRESS_CAPACITY):
        report = ReferProgress(leg="a", code=code, reason="", final=False)
        Party.take(cast("Party", party), report)
    assert party.progress.qsize() == PROGRESS_CAPACITY
    assert party.progress.get_nowait().code == 100 + PROGRESS_CAPACITY


async def test_digits_that_cannot_be_sent_as_fast_as_they_come_are_refused() -> None:
    keypad = Keypad(cast("Any", None), way="info")
    keypad.connect(cast("Any", None), cast("Any", SimpleNamespace(event_payload_type=None)))
    keypad.press("1" * DIGITS_CAPACITY)
    with pytest.raises(ValueError, match="wait to be sent"):
        keypad.press("2")

    async def send_info(*_: str) -> None:
        """The other side takes it."""

    sending = asyncio.create_task(keypad.serve(cast("Any", SimpleNamespace(send_info=send_info))))
    await asyncio.sleep(0.01)
    keypad.press("2")
    sending.cancel()
