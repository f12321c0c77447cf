"""Payloads of what is sent, and who listens in on it."""

import audioop

import pytest

from rtp import opus
from rtp.format import Format
from tests.support.tones import AGENT, tone
from tests.unit.rtp.test_downlink import Wire

RATE = 8000


class Listener:
    """Whoever listens in on a wire."""

    def __init__(self, wire: Wire) -> None:
        self.pcm = b""
        self.wire = wire
        wire.downlink.tap(self.sent)

    def sent(self, silence: int, pcm: bytes) -> None:
        self.pcm += bytes(2 * silence) + pcm

    @property
    def payloads(self) -> bytes:
        self.wire.downlink.settle()
        return audioop.lin2ulaw(self.pcm, 2)


def test_what_is_listened_to_is_what_went_on_the_wire_slot_by_slot() -> None:
    wire = Wire()
    wire.run(0.3)
    before = len(wire.packets)
    listener = Listener(wire)
    wire.play(tone(AGENT, 0.25))
    wire.run(0.5)
    wire.play(tone(AGENT, 0.13))
    wire.run(0.5)
    assert listener.payloads == b"".join(p.payload for _, p in wire.packets[before:])


def test_speech_that_was_dropped_is_not_heard() -> None:
    wire = Wire()
    listener = Listener(wire)
    wire.play(tone(AGENT, 2.0))
    wire.run(0.5)
    wire.downlink.clear(wire.now)
    wire.run(0.5)
    assert listener.payloads == b"".join(packet.payload for _, packet in wire.packets)
    assert not any(listener.pcm[2 * RATE * 6 // 10 :])


def test_while_nothing_may_be_sent_silence_is_heard() -> None:
    wire = Wire()
    listener = Listener(wire)
    wire.downlink.sending = False
    wire.play(tone(AGENT, 0.4))
    wire.run(0.5)
    wire.downlink.sending = True
    wire.run(0.2)
    wire.downlink.settle()
    assert not any(listener.pcm)
    assert len(listener.pcm) == 2 * RATE * 7 // 10


def test_slots_that_a_stall_left_out_are_silence() -> None:
    wire = Wire()
    listener = Listener(wire)
    wire.run(0.2)
    wire.now += 0.5
    wire.run(0.3)
    wire.play(tone(AGENT, 0.1))
    wire.run(0.2)
    wire.downlink.settle()
    assert len(listener.pcm) == pytest.approx(2 * RATE * 1.2, abs=2 * 160)


def test_a_digit_as_an_event_is_silence_and_as_tones_is_heard() -> None:
    for events in (101, None):
        audio = Format(
            encoding="PCMU",
            payload_type=0,
            clock_rate=8000,
            sample_rate=8000,
            event_payload_type=events,
        )
        wire = Wire(audio)
        listener = Listener(wire)
        wire.downlink.dial("5")
        wire.run(0.3)
        wire.downlink.settle()
        assert any(listener.pcm) is (events is None)
        assert len(listener.pcm) == 2 * RATE * 3 // 10


def test_a_change_of_format_keeps_the_account() -> None:
    wire = Wire()
    listener = Listener(wire)
    wire.play(tone(AGENT, 0.6))
    wire.run(0.3)
    pcma = Format(encoding="PCMA", payload_type=8, clock_rate=8000, sample_rate=8000)
    wire.downlink.reformat(pcma, wire.now)
    wire.run(0.5)
    wire.downlink.settle()
    assert len(listener.pcm) == pytest.approx(2 * RATE * 0.8, abs=2 * 160)


def test_nobody_hears_anything_any_more() -> None:
    wire = Wire()
    listener = Listener(wire)
    wire.run(0.1)
    wire.downlink.settle()
    heard = len(listener.pcm)
    wire.downlink.tap(None)
    wire.play(tone(AGENT, 0.2))
    wire.run(0.3)
    assert len(listener.pcm) == heard
    assert wire.downlink.depth == 0


@pytest.mark.skipif(not opus.available(), reason="this system has no libopus")
@pytest.mark.parametrize("tapped", [False, True])
def test_what_the_peer_reports_of_losses_reaches_opus(*, tapped: bool) -> None:
    audio = Format(encoding="opus", payload_type=96, clock_rate=48000, sample_rate=16000)
    wire = Wire(audio)
    codec = wire.downlink._encoder._codec
    assert isinstance(codec, opus.Opus)
    if tapped:
        wire.downlink.tap(lambda silence, pcm: None)
    for lost, redundant in ((0.0, True), (0.0, True), (0.0, False), (0.05, True)):
        wire.stats.remote_fraction_lost = lost
        wire.downlink.heed_report()
        assert codec.redundant is redundant
