"""A codec that changes while the agent speaks, as a plain decoder on the other side hears it."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rtp import opus
from rtp.codec import codec_for
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.packet import sequence_distance, timestamp_distance
from tests.support.tones import tone
from tests.unit.rtp.test_downlink import START, Wire

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=16000)
PCMA = replace(PCMU, encoding="PCMA", payload_type=8)
G722 = replace(PCMU, encoding="G722", payload_type=9)
OPUS = replace(PCMU, encoding="opus", payload_type=96, clock_rate=48000)
NARROW = replace(PCMU, sample_rate=8000)
NEEDS_OPUS = pytest.mark.skipif(not opus.available(), reason="this system has no libopus")
PAIRS = [
    pytest.param(*pair, marks=[NEEDS_OPUS] if OPUS in pair else [], id="-".join(names))
    for pair in itertools.permutations((PCMU, PCMA, G722, OPUS), 2)
    for names in [[audio.encoding for audio in pair]]
]


def turned(one: Format, other: Format, *, after_s: float = 0.5) -> Wire:
    """A second and a half of a loud tone, begun in one format and ended in the other."""
    wire = Wire(one)
    wire.play(tone(440, 1.5, sample_rate=one.sample_rate))
    wire.run(after_s)
    wire.downlink.reformat(other, wire.now)
    wire.run(2.0 - after_s)
    return wire


def heard(wire: Wire, *formats: Format) -> tuple[np.ndarray, int]:
    """What decoders with nothing but their formats make of it, and where the second begins."""
    decoders = {audio.payload_type: codec_for(audio) for audio in formats}
    pieces = [(p.payload_type, decoders[p.payload_type].decode(p.payload)) for _, p in wire.packets]
    first = pieces[0][0]
    turn = sum(len(pcm) for kind, pcm in pieces if kind == first) // 2
    return np.frombuffer(b"".join(pcm for _, pcm in pieces), "<i2").astype(int), turn


def steepest(samples: np.ndarray) -> int:
    """The largest step from one sample to the next."""
    return int(np.abs(np.diff(samples)).max())


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_codec_that_changes_within_a_word_does_not_click(one: Format, other: Format) -> None:
    for ms in (0, 3, 7, 11, 16):
        samples, turn = heard(turned(one, other, after_s=0.5 + ms / 1000), one, other)
        own = steepest(samples[2000 : turn - 1000])
        assert steepest(samples[turn - 500 : turn + 800]) < 1.15 * own
        # A dip, and no hole: a third of a frame on either side is as loud as ever.
        for side in (samples[turn - 640 : turn - 300], samples[turn + 200 : turn + 540]):
            assert np.abs(side).max() > 0.8 * np.abs(samples[2000:5000]).max()


@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_frames_of_any_length_fade(ptime: int) -> None:
    one, other = (replace(audio, ptime=ptime) for audio in (G722, PCMA))
    samples, turn = heard(turned(one, other, after_s=0.61), one, other)
    assert steepest(samples[turn - 500 : turn + 800]) < 1.15 * steepest(samples[2000:6000])


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_numbers_and_beat_go_on_when_the_codec_changes(one: Format, other: Format) -> None:
    wire = turned(one, other, after_s=0.507)
    kinds = [packet.payload_type for _, packet in wire.packets]
    turn = kinds.index(other.payload_type)
    assert set(kinds[:turn]) == {one.payload_type}
    assert set(kinds[turn:]) == {other.payload_type}
    assert wire.packets[turn - 1][0] > START + 0.507
    for (early, before), (late, after) in itertools.pairwise(wire.packets[turn - 5 : turn + 5]):
        assert late - early == pytest.approx(0.02, abs=0.006)
        assert sequence_distance(after.sequence, before.sequence) == 1
        if one.clock_rate == other.clock_rate:
            assert timestamp_distance(after.timestamp, before.timestamp) == 160
    ssrcs = len({packet.ssrc for _, packet in wire.packets})
    assert ssrcs == (1 if one.clock_rate == other.clock_rate else 2)
    assert wire.stats.talkspurts == 1
    assert wire.stats.heard == pytest.approx(1.5)


def test_g711_turns_into_the_other_law_at_once_and_unfaded() -> None:
    wire = turned(NARROW, replace(PCMA, sample_rate=8000))
    samples, _ = heard(wire, NARROW, replace(PCMA, sample_rate=8000))
    said = np.frombuffer(tone(440, 1.5), "<i2").astype(int)
    assert np.abs(samples[: len(said)] - said).max() < 600  # of 12000: the laws' own error
    kinds = [packet.payload_type for at, packet in wire.packets if at > START + 0.5]
    assert set(kinds) == {8}


@pytest.mark.parametrize("audio", [G722, pytest.param(OPUS, marks=NEEDS_OPUS)])
def test_a_codec_goes_on_where_only_other_terms_change(audio: Format) -> None:
    wires = [turned(audio, replace(audio, event_payload_type=kind)) for kind in (101, None)]
    plain = Wire(audio)
    plain.play(tone(440, 1.5, sample_rate=16000))
    plain.run(2.0)
    for wire in wires:
        for (_, packet), (_, unchanged) in zip(wire.packets, plain.packets, strict=False):
            assert packet.payload == unchanged.payload


def test_silence_changes_its_codec_at_once_and_the_next_word_begins_whole() -> None:
    wire = Wire(G722)
    wire.run(0.5)
    wire.downlink.reformat(PCMA, wire.now)
    wire.play(tone(440, 0.4, sample_rate=16000))
    wire.run(0.5)
    after = [packet for at, packet in wire.packets if at > START + 0.5 - 1e-6]
    assert {packet.payload_type for packet in after} == {8}
    plain = Wire(PCMA)
    plain.play(tone(440, 0.4, sample_rate=16000))
    plain.run(0.5)
    said = [packet.payload for packet in after if len(set(packet.payload)) > 2]
    assert said[:5] == [packet.payload for _, packet in plain.packets][:5]


def test_a_change_back_before_the_beat_leaves_all_as_it_was() -> None:
    wire = Wire(G722)
    wire.play(tone(440, 1.0, sample_rate=16000))
    wire.run(0.5)
    wire.downlink.reformat(PCMA, wire.now)
    wire.downlink.reformat(G722, wire.now)
    wire.run(0.8)
    assert {packet.payload_type for _, packet in wire.packets} == {9}
    assert wire.stats.heard == pytest.approx(1.0)


def test_a_barge_in_right_before_the_change_ends_in_the_codec_it_began_in() -> None:
    wire = Wire(G722)
    wire.play(tone(440, 1.0, sample_rate=16000))
    wire.run(0.5)
    wire.downlink.reformat(PCMA, wire.now)
    wire.downlink.clear(wire.now)
    wire.run(0.3)
    samples, turn = heard(wire, G722, PCMA)
    assert steepest(samples[turn - 800 :]) < 1.3 * steepest(samples[2000 : turn - 1000])
    assert np.abs(samples[turn:]).max() <= 16  # of 12000


def test_on_hold_a_codec_changes_at_once() -> None:
    wire = Wire(G722)
    wire.play(tone(440, 1.0, sample_rate=16000))
    wire.run(0.5)
    wire.downlink.sending = False
    wire.downlink.reformat(PCMA, wire.now)
    assert wire.downlink._format is PCMA


def test_who_listens_in_hears_the_change_without_a_gap() -> None:
    pieces: list[tuple[int, bytes]] = []
    wire = Wire(G722)
    wire.downlink.tap(lambda silence, pcm: pieces.append((silence, pcm)))
    wire.play(tone(440, 1.0, sample_rate=16000))
    wire.run(0.507)
    wire.downlink.reformat(PCMA, wire.now)
    wire.run(0.7)
    told = [silence for silence, pcm in pieces if pcm]
    assert sum(told) == 0
    assert sum(len(pcm) for _, pcm in pieces) == 2 * 16000


def test_a_downlink_that_never_spoke_takes_any_format_at_once() -> None:
    wire = Wire(G722)
    wire.downlink.reformat(PCMA, START)
    assert isinstance(wire.downlink, Downlink)
    wire.run(0.1)
    assert {packet.payload_type for _, packet in wire.packets} == {8}
