"""Comfort noise that we send: what leaves while the agent says nothing, and how that sounds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rtp.comfort import Hush
from rtp.format import Format
from rtp.packet import RtpPacket, sequence_distance, timestamp_distance
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.support.tones import AGENT, tone
from tests.unit.rtp.test_downlink import PCMU, START, Wire
from tests.unit.rtp.test_encoder import Listener
from tests.unit.rtp.test_pauses import EVENTS

NOISE = 13
NOISY = replace(PCMU, comfort_noise=True)
G722 = Format(
    encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000, comfort_noise=True
)
PAUSE_SLOTS, AGAIN_SLOTS = 5, 20


def kinds(wire: Wire) -> list[int]:
    return [packet.payload_type for _, packet in wire.packets]


def slots(packets: list[RtpPacket]) -> list[int]:
    """Numbers of the slots that these packets lie in."""
    return [timestamp_distance(p.timestamp, packets[0].timestamp) // 160 for p in packets]


def heard(wire: Wire, audio: Format) -> bytes:
    """What the other side's ear makes of all that was sent, over a network without faults."""
    pcm = bytearray()
    ear = Uplink(audio, on_pcm=pcm.extend, stats=StreamStats(), now=START)
    beats = ((START + 0.002 + 0.02 * beat, None) for beat in range(500))
    for at, packet in sorted([*wire.packets, *beats], key=lambda each: each[0]):
        if at > wire.now:
            break
        if packet is None:
            ear.tick(at)
        elif packet.payload_type == NOISE:
            ear.skip(packet.sequence, packet.ssrc, at, comfort_noise=packet.payload)
        else:
            numbers = packet.sequence, packet.timestamp, packet.ssrc
            ear.receive(*numbers, packet.payload, at, marker=packet.marker)
    assert ear.stats.lost == ear.stats.concealed == ear.stats.late == ear.stats.resyncs == 0
    return bytes(pcm)


def loudness(samples: np.ndarray) -> list[float]:
    """Root mean square of each of 50 parts."""
    return [float(np.sqrt(np.mean(part**2.0))) for part in np.array_split(samples, 50)]


def test_silence_that_lasts_is_told_and_told_again() -> None:
    wire = Wire(NOISY)
    wire.run(2.0)
    noise = [packet for _, packet in wire.packets if packet.payload_type == NOISE]
    assert kinds(wire) == [0] * PAUSE_SLOTS + [NOISE] * len(noise)
    assert slots([wire.packets[0][1], *noise])[1:] == [5, 25, 45, 65, 85]
    assert {(packet.payload, packet.marker) for packet in noise} == {(b"\x7f", False)}


def test_numbers_go_on_without_a_break_and_the_clock_never_stops() -> None:
    wire = Wire(NOISY)
    wire.run(1.0)
    wire.play(tone(AGENT, 0.4))
    wire.run(2.0)
    packets = [packet for _, packet in wire.packets]
    for before, after in itertools.pairwise(packets):
        assert sequence_distance(after.sequence, before.sequence) == 1
    first = wire.packets[0][0]
    for at, packet in wire.packets:
        seconds = timestamp_distance(packet.timestamp, packets[0].timestamp) / 8000
        assert seconds == pytest.approx(at - first, abs=0.041)


def test_each_talkspurt_after_noise_is_marked() -> None:
    wire = Wire(NOISY)
    for _ in range(3):
        wire.run(1.0)
        wire.play(tone(AGENT, 0.4))
    wire.run(0.6)
    packets = [packet for _, packet in wire.packets]
    begun = [b for a, b in itertools.pairwise(packets) if a.payload_type == NOISE != b.payload_type]
    assert len(begun) == 3
    assert [packet for packet in packets if packet.marker] == begun


def test_a_pause_within_speech_is_no_silence_yet() -> None:
    wire = Wire(NOISY)
    for _ in range(4):
        wire.play(tone(AGENT, 0.1))
        wire.run(0.19)
    assert NOISE not in kinds(wire)


@pytest.mark.parametrize("audio", [NOISY, G722])
def test_a_talkspurt_after_noise_is_whole_at_the_ear(audio: Format) -> None:
    said = tone(AGENT, 0.5, sample_rate=audio.sample_rate)
    ears = []
    for form in (audio, replace(audio, comfort_noise=False)):
        wire = Wire(form)
        wire.run(2.0)
        wire.play(said)
        wire.run(1.5)
        ears.append((wire, np.frombuffer(heard(wire, form), "<i2").astype(int)))
    (hushed, quiet), (whole, plain) = ears
    assert NOISE in kinds(hushed)
    assert len(hushed.packets) < len(whole.packets) / 3
    first = [int(np.flatnonzero(np.abs(pcm) > 300)[0]) for pcm in (quiet, plain)]
    both = list(zip((quiet, plain), first, strict=True))
    assert abs(first[0] - first[1]) <= 0.005 * audio.sample_rate
    length = len(said) // 2
    for one, other in zip(*(loudness(pcm[at : at + length]) for pcm, at in both), strict=True):
        assert one == pytest.approx(other, rel=0.15)
    assert not np.abs(quiet[: first[0] - 100]).max() > 8


def test_a_cut_fades_out_before_noise_begins() -> None:
    wire = Wire(NOISY)
    wire.play(tone(AGENT, 1.0))
    wire.run(0.31)
    wire.downlink.clear(wire.now)
    wire.run(1.0)
    after = kinds(wire)[wire.stats.talkspurts :]
    fades = [p for _, p in wire.packets if p.payload_type == 0 and len(set(p.payload)) > 1]
    assert set(fades[-1].payload[-100:]) == {0xFF}
    assert after.count(NOISE) == 3


def test_on_hold_nothing_but_what_keeps_the_way_open_leaves() -> None:
    wire = Wire(NOISY)
    wire.run(1.0)
    wire.downlink.sending = False
    before = len(wire.packets)
    wire.run(16.0)
    assert {p.payload_type for _, p in wire.packets[before:]} == {20}
    wire.downlink.sending = True
    before = len(wire.packets)
    wire.run(0.4)
    assert kinds(wire)[before:] == [0] * PAUSE_SLOTS + [NOISE]


def test_digits_after_noise_are_events_as_ever() -> None:
    wire = Wire(replace(EVENTS, comfort_noise=True))
    wire.run(1.0)
    wire.downlink.dial("12")
    wire.run(2.0)
    events = [p for _, p in wire.packets if p.payload_type == 101]
    assert [p.marker for p in events].count(True) == wire.stats.digits_sent == 2
    first = kinds(wire).index(101)
    last = len(wire.packets) - kinds(wire)[::-1].index(101)
    assert NOISE not in kinds(wire)[first:last]
    assert NOISE in kinds(wire)[last:]


def test_tones_after_noise_begin_with_a_mark_and_their_pauses_are_sent() -> None:
    wire = Wire(NOISY)
    wire.run(1.0)
    before = len(wire.packets)
    wire.downlink.dial("12")
    wire.run(0.38)
    packets = [packet for _, packet in wire.packets[before:]]
    begun = next(number for number, p in enumerate(packets) if p.payload_type == 0)
    assert packets[begun].marker
    assert all(p.payload_type == 0 and not p.marker for p in packets[begun + 1 :])
    assert wire.stats.digits_sent == 2


def test_a_recording_hears_silence_in_place_of_noise() -> None:
    wire = Wire(NOISY)
    listener = Listener(wire)
    wire.play(tone(AGENT, 0.2))
    wire.run(2.0)
    wire.play(tone(AGENT, 0.2))
    wire.run(1.0)
    wire.downlink.settle()
    assert len(listener.pcm) == 2 * 8000 * 3
    assert not any(listener.pcm[2 * 1700 : 2 * 15800])
    assert np.abs(np.frombuffer(listener.pcm[2 * 16000 : 2 * 17500], "<i2")).max() > 1000


def test_a_stall_of_ours_does_not_put_off_what_is_told_next() -> None:
    hush = Hush(0.02)
    asked = [*range(10), *range(40, 70)]
    told = [slot for slot in asked if hush.payload(slot)]
    assert told == [5, 40, 60]


def test_nothing_is_different_without_comfort_noise() -> None:
    wire = Wire()
    wire.run(2.0)
    assert kinds(wire) == [0] * 100
