"""Slots without speech: digits, and silence that need not be sent."""

import itertools

import pytest

from rtp import opus
from rtp.codec import codec_for
from rtp.dtmf import DigitReceiver
from rtp.format import Format, OpusTerms
from rtp.packet import sequence_distance, timestamp_distance
from rtp.tones import ToneReceiver
from tests.support.tones import AGENT, tone
from tests.unit.rtp.test_downlink import PCMU, SILENCE, START, Wire

EVENTS = Format(
    encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, event_payload_type=101
)


def test_digits_are_received_as_they_were_sent_and_the_agent_waits_meanwhile() -> None:
    wire = Wire(EVENTS)
    wire.run(0.1)
    wire.play(tone(AGENT, 1.0))
    wire.run(0.3)
    wire.downlink.dial("42#")
    wire.run(2.0)
    receiver = DigitReceiver()
    events = [packet for _, packet in wire.packets if packet.payload_type == 101]
    heard = [receiver.receive(packet.payload, packet.timestamp) for packet in events]
    assert "".join(digit or "" for digit in heard) == "42#"
    assert [packet.marker for packet in events] == ([True] + [False] * 6) * 3
    assert wire.stats.digits_sent == 3
    assert wire.stats.heard == pytest.approx(1.0)
    first = next(i for i, (_, p) in enumerate(wire.packets) if p.payload_type == 101)
    dialling = [packet for _, packet in wire.packets[first : first + 30]]
    assert all(p.payload == SILENCE for p in dialling if p.payload_type == 0)
    assert wire.packets[first + 30][1].marker


def test_sequence_and_clock_go_on_through_digits() -> None:
    wire = Wire(EVENTS)
    wire.run(0.1)
    wire.downlink.dial("1w2")
    wire.run(1.5)
    packets = [packet for _, packet in wire.packets]
    for before, after in itertools.pairwise(packets):
        assert sequence_distance(after.sequence, before.sequence) == 1
    origin = packets[0].timestamp
    slots = [timestamp_distance(packet.timestamp, origin) // 160 for packet in packets]
    audio = [n for n, packet in enumerate(packets) if packet.payload_type == 0]
    assert [slots[n] for n in audio] == audio
    begins = [n for n, packet in enumerate(packets) if packet.marker]
    assert [slots[n] for n in begins] == begins
    assert begins[1] - begins[0] == (200 + 500) / 20


def test_without_telephone_event_digits_are_tones_that_a_receiver_hears() -> None:
    wire = Wire(PCMU)
    wire.run(0.1)
    wire.downlink.dial("159D")
    wire.run(1.5)
    pcm = b"".join(codec_for(PCMU).decode(packet.payload) for _, packet in wire.packets)
    assert ToneReceiver(8000).hear(pcm) == "159D"
    assert wire.stats.digits_sent == 4


def test_digits_wait_while_nothing_may_be_sent() -> None:
    wire = Wire(EVENTS)
    wire.downlink.sending = False
    wire.downlink.dial("1")
    wire.run(1.0)
    assert not wire.packets
    wire.downlink.sending = True
    wire.run(0.5)
    assert sum(packet.payload_type == 101 for _, packet in wire.packets) == 7


@pytest.mark.skipif(not opus.available(), reason="this system has no libopus")
def test_with_dtx_silence_is_hardly_sent_and_a_talkspurt_begins_on_its_own_timestamp() -> None:
    audio = Format(
        encoding="opus",
        payload_type=96,
        clock_rate=48000,
        sample_rate=16000,
        opus=OpusTerms(dtx=True),
    )
    wire = Wire(audio)
    wire.play(tone(AGENT, 0.4, sample_rate=16000))
    wire.run(4.4)
    wire.play(tone(AGENT, 0.4, sample_rate=16000))
    wire.run(0.6)
    packets = [packet for _, packet in wire.packets]
    silent = [packet for at, packet in wire.packets if START + 1.4 < at < START + 4.4]
    assert 1 <= len(silent) < 30  # of 150: what keeps noise and NAT alive
    for before, after in itertools.pairwise(packets):
        assert sequence_distance(after.sequence, before.sequence) == 1
    starts = [packet for packet in packets if packet.marker]
    assert len(starts) == 2
    assert timestamp_distance(starts[1].timestamp, starts[0].timestamp) == 48000 * 44 // 10


def test_a_digit_that_is_being_sent_is_ended_as_it_began() -> None:
    wire = Wire(EVENTS)
    wire.run(0.1)
    wire.downlink.dial("1")
    wire.run(0.05)
    wire.downlink.dial("2", inband=True)
    wire.run(0.5)
    events = [packet for _, packet in wire.packets if packet.payload_type == 101]
    assert len(events) == 7
    assert [packet.payload[1] & 0x80 for packet in events[-3:]] == [0x80] * 3
    pcm = b"".join(codec_for(PCMU).decode(p.payload) for _, p in wire.packets if p not in events)
    assert ToneReceiver(8000).hear(pcm) == "2"
