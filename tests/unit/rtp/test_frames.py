"""The agent's speech in frames: whole, cut, and no longer behind than it has to be."""

import numpy as np
import pytest

from rtp.codec import codec_for
from rtp.format import Format
from rtp.frames import Frames
from rtp.pacer import Pacer
from rtp.playout import Playout
from rtp.stats import StreamStats
from tests.support.tones import AGENT, strength, tone
from tests.unit.rtp.test_downlink import PCMU, Wire


def test_speech_that_is_cut_off_fades_within_5_ms_instead_of_clicking() -> None:
    wire = Wire()
    speech = tone(AGENT, 2.0, level=0.9)
    wire.play(speech)
    wire.run(0.5)
    sent = len(wire.pcm)
    wire.downlink.clear(wire.now)
    wire.run(0.5)
    after = np.frombuffer(wire.pcm[sent - 640 :], "<i2").astype(int)
    whole = np.frombuffer(speech[sent - 640 : sent + 320], "<i2").astype(int)
    steepest = np.abs(np.diff(whole)).max()
    assert np.abs(np.diff(after)).max() <= steepest * 1.05
    assert after[320:360].any()
    assert not after[360:].any()


def test_a_fade_goes_under_the_speech_that_follows_at_once() -> None:
    wire = Wire()
    wire.play(tone(AGENT, 2.0))
    wire.run(0.507)
    sent = len(wire.speech)
    wire.downlink.clear(wire.now)
    wire.play(bytes(80) + tone(AGENT, 0.5))
    wire.run(0.7)
    packet = wire.speech[sent]
    assert packet.marker
    samples = np.frombuffer(codec_for(PCMU).decode(packet.payload), "<i2")
    assert abs(samples[:40]).max() > 1000
    assert wire.stats.talkspurts == 2


def test_heard_counts_speech_on_the_wire_and_not_its_padding() -> None:
    wire = Wire()
    wire.play(tone(AGENT, 0.050))
    wire.run(1.0)
    assert wire.stats.heard == pytest.approx(0.050)
    assert len(wire.speech) == 3


def test_a_full_queue_drops_the_oldest_speech_and_counts_it() -> None:
    wire = Wire()
    wire.run(0.05)
    wire.play(bytes(16000 * 31))
    assert wire.stats.overflow == 0
    wire.play(bytes(16000 * 3))
    assert wire.stats.overflow == pytest.approx(2 * 8000, abs=160)


@pytest.mark.parametrize("crept_s", [0.060, 0.300])
def test_delay_that_crept_into_a_real_time_feed_is_shed_in_its_pauses(crept_s: float) -> None:
    wire = Wire()
    wire.play(tone(AGENT, crept_s))
    for number in range(600):
        loud = number % 50 < 30
        wire.play(tone(AGENT, 0.020) if loud else bytes(320))
        wire.run(0.020)
    assert wire.stats.shed >= 1
    assert wire.downlink.depth <= 0.040
    assert wire.stats.talkspurts == 1


@pytest.mark.parametrize("read_s", [0.0, 0.1])
def test_what_a_stall_left_in_the_queue_of_a_real_time_feed_is_shed_in_its_pauses(
    read_s: float,
) -> None:
    """Whether it is read before the next packet leaves or a little later."""
    wire = Wire()
    for _ in range(100):
        wire.play(tone(AGENT, 0.020))
        wire.run(0.020)
    sent = len(wire.packets)
    wire.stall(2.0)
    wire.run(read_s)
    wire.play(tone(AGENT, 2.0))
    wire.run(0.1)
    assert len(wire.packets) - sent <= 7 + 50 * read_s
    assert wire.downlink.depth > 1.8
    for number in range(600):
        loud = number % 50 < 20
        wire.play(tone(AGENT, 0.020) if loud else bytes(320))
        wire.run(0.020)
    assert wire.downlink.depth <= 0.040


def test_speech_that_came_ahead_of_time_is_whole_after_a_stall_of_ours() -> None:
    wire = Wire()
    wire.play((tone(AGENT, 0.8) + bytes(3200)) * 20)
    wire.run(5.0)
    wire.stall(2.0)
    wire.run(10.0)
    assert wire.stats.shed == 0
    wire.run(10.0)
    assert wire.stats.heard == pytest.approx(20.0, abs=0.5)


def test_speech_without_pauses_keeps_its_delay_rather_than_lose_a_syllable() -> None:
    wire = Wire()
    wire.play(tone(AGENT, 0.300))
    for _ in range(600):
        wire.play(tone(AGENT, 0.020))
        wire.run(0.020)
    assert wire.stats.shed == 0


def test_the_pauses_of_speech_that_came_ahead_of_time_are_kept() -> None:
    wire = Wire()
    wire.play((tone(AGENT, 0.8) + bytes(3200)) * 20)
    wire.run(25.0)
    assert wire.stats.shed <= 1
    assert wire.stats.heard == pytest.approx(20.0, abs=0.03)


def test_queued_speech_keeps_its_pitch_and_length_when_the_sample_rate_changes() -> None:
    wire = Wire()
    wire.play(tone(AGENT, 2.0))
    wire.run(0.5)
    wide = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000)
    wire.downlink.reformat(wide, wire.now)
    assert wire.downlink.depth == pytest.approx(1.5, abs=0.021)
    rest = len(wire.packets)
    wire.run(1.4)
    codec = codec_for(wide)
    pcm = b"".join(codec.decode(packet.payload) for _, packet in wire.packets[rest:])
    assert strength(pcm[6400:32000], AGENT, sample_rate=16000) > 0.4


def test_the_rest_is_given_without_its_quiet_frames_and_padded_to_the_last() -> None:
    stats = StreamStats()
    frames = Frames(PCMU, Playout(0), Pacer(frame_s=0.02, now=0.0), stats=stats)
    speech = tone(AGENT, 0.050)
    frames.push(bytes(320))
    frames.push(speech)
    assert frames.waiting == 3.5
    assert b"".join(frames.rest()) == speech + bytes(160)
    assert frames.depth_s == 0.0
    assert stats.shed == 1


def test_the_end_of_what_was_cut_is_part_of_the_rest() -> None:
    frames = Frames(PCMU, Playout(0), Pacer(frame_s=0.02, now=0.0), stats=StreamStats())
    frames.push(tone(AGENT, 0.005))
    frames.cut()
    (rest,) = frames.rest()
    assert any(rest[:80])
    assert not any(rest[80:])
