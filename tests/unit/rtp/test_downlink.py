import itertools

import numpy as np
import pytest

from rtp import opus
from rtp.codec import codec_for
from rtp.downlink import Downlink
from rtp.dtmf import DigitReceiver
from rtp.format import Format, OpusTerms
from rtp.packet import RtpPacket, sequence_distance, timestamp_distance
from rtp.stats import StreamStats
from rtp.tones import ToneReceiver
from tests.support.tones import AGENT, strength, tone

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000)
SILENCE = b"\xff" * 160
START = 100.0


class Wire:
    """A downlink beaten in virtual time, and the packets that left it."""

    def __init__(self, audio: Format = PCMU) -> None:
        self.stats = StreamStats()
        self.downlink = Downlink(audio, stats=self.stats, now=START)
        self.packets: list[tuple[float, RtpPacket]] = []
        self.now = START

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.downlink.pacer.wake < until - 1e-9:
            self.now = max(self.now, self.downlink.pacer.wake)
            self.poll()
        self.now = until

    def poll(self) -> None:
        packet = self.downlink.poll(self.now)
        if packet is not None:
            self.packets.append((self.now, RtpPacket.parse(packet)))

    def stall(self, seconds: float) -> None:
        self.now += seconds
        self.poll()

    def play(self, pcm: bytes) -> None:
        if self.downlink.play(pcm):
            self.poll()

    @property
    def speech(self) -> list[RtpPacket]:
        return [packet for _, packet in self.packets if packet.payload != SILENCE]

    @property
    def pcm(self) -> bytes:
        codec = codec_for(PCMU)
        return b"".join(codec.decode(packet.payload) for packet in self.speech)


def test_without_speech_the_wire_carries_continuous_silence() -> None:
    wire = Wire()
    wire.run(1.0)
    assert len(wire.packets) == 50
    assert not wire.speech
    assert not any(packet.marker for _, packet in wire.packets)


def test_sequence_and_timestamp_go_on_without_a_break() -> None:
    wire = Wire()
    wire.run(0.2)
    wire.play(tone(AGENT, 0.31))
    wire.run(1.0)
    packets = [packet for _, packet in wire.packets]
    for before, after in itertools.pairwise(packets):
        assert sequence_distance(after.sequence, before.sequence) == 1
        assert timestamp_distance(after.timestamp, before.timestamp) == 160


def test_speech_of_any_piece_size_comes_out_as_it_went_in() -> None:
    wire = Wire()
    speech = codec_for(PCMU).decode(codec_for(PCMU).encode(tone(AGENT, 1.0)))
    wire.run(0.1)
    for start in range(0, len(speech), 334):
        wire.play(speech[start : start + 334])
    wire.run(1.5)
    assert wire.pcm[: len(speech)] == speech
    assert not any(wire.pcm[len(speech) :])


def test_the_first_packet_of_each_talkspurt_is_marked() -> None:
    wire = Wire()
    for _ in range(3):
        wire.run(0.5)
        wire.play(tone(AGENT, 0.2))
    wire.run(0.5)
    marked = [packet for _, packet in wire.packets if packet.marker]
    assert len(marked) == 3
    assert marked[0] is wire.speech[0]
    assert wire.stats.talkspurts == 3


def test_timestamps_keep_to_the_wall_clock_across_skipped_ticks() -> None:
    wire = Wire()
    wire.run(0.1)
    wire.now += 0.070
    wire.poll()
    wire.run(0.1)
    first_time, first = wire.packets[0]
    for time, packet in wire.packets:
        elapsed = timestamp_distance(packet.timestamp, first.timestamp) / 8000
        assert -1e-9 <= time - first_time - elapsed < 0.020
    assert wire.stats.ticks_late == 3
    assert wire.stats.tick_late_max == pytest.approx(0.070)


def test_clear_drops_what_is_queued_and_tells_how_much() -> None:
    wire = Wire()
    wire.run(0.1)
    wire.play(tone(AGENT, 2.0))
    wire.run(0.5)
    heard = len(wire.speech)
    assert wire.downlink.clear(wire.now) == pytest.approx(2000 - 20 * heard)
    assert wire.downlink.depth == 0
    wire.run(0.5)
    assert len(wire.speech) == heard + 1
    assert wire.downlink.clear(wire.now) == 0


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


def test_a_clear_of_nothing_leaves_silence_as_it_is() -> None:
    wire = Wire()
    wire.run(0.1)
    wire.downlink.clear(wire.now)
    wire.run(0.1)
    assert not wire.speech


def test_speech_after_a_clear_begins_anew_at_once() -> None:
    wire = Wire()
    wire.play(tone(AGENT, 2.0))
    wire.run(0.507)
    wire.downlink.clear(wire.now)
    wire.play(tone(AGENT, 0.1))
    time, packet = wire.packets[-1]
    assert time == wire.now
    assert packet.marker


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


def test_while_nothing_may_be_sent_speech_passes_unheard_at_its_own_pace() -> None:
    wire = Wire()
    wire.downlink.sending = False
    wire.play(tone(AGENT, 1.0))
    wire.run(0.6)
    assert not wire.packets
    assert wire.downlink.depth == pytest.approx(0.4, abs=0.03)
    wire.downlink.sending = True
    wire.run(1.0)
    assert wire.stats.heard == pytest.approx(0.4, abs=0.03)


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


def test_a_new_ptime_takes_effect_and_the_clock_goes_on() -> None:
    wire = Wire()
    wire.run(0.1)
    wire.downlink.reformat(
        Format(encoding="PCMA", payload_type=8, clock_rate=8000, sample_rate=8000, ptime=30),
        wire.now,
    )
    wire.run(0.3)
    before, after = wire.packets[4][1], wire.packets[5][1]
    assert (after.payload_type, len(after.payload)) == (8, 240)
    assert after.ssrc == before.ssrc
    assert timestamp_distance(after.timestamp, before.timestamp) == 160
    assert sequence_distance(after.sequence, before.sequence) == 1


def test_another_clock_rate_is_another_source() -> None:
    wire = Wire()
    wire.run(0.1)
    ssrc = wire.downlink.numbering.ssrc
    wire.downlink.reformat(
        Format(encoding="PCMU", payload_type=97, clock_rate=16000, sample_rate=16000), wire.now
    )
    assert wire.downlink.numbering.ssrc != ssrc


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


@pytest.mark.skipif(not opus.available(), reason="this system has no libopus")
@pytest.mark.parametrize("tapped", [False, True])
def test_what_the_peer_reports_of_losses_reaches_opus(*, tapped: bool) -> None:
    audio = Format(encoding="opus", payload_type=96, clock_rate=48000, sample_rate=16000)
    wire = Wire(audio)
    codec = wire.downlink._codec
    assert isinstance(codec, opus.Opus)
    if tapped:
        wire.downlink.tap(lambda silence, pcm: None)
    for lost, redundant in ((0.0, True), (0.0, True), (0.0, False), (0.05, True)):
        wire.stats.remote_fraction_lost = lost
        wire.downlink.heed_report()
        assert codec.redundant is redundant


@pytest.mark.parametrize(("reachable", "kept_open"), [(True, 4), (False, 0)])
def test_on_hold_a_packet_nobody_takes_keeps_the_way_open(
    *, reachable: bool, kept_open: int
) -> None:
    wire = Wire()
    wire.downlink.sending, wire.downlink.reachable = False, reachable
    wire.run(61.0)
    assert len(wire.packets) == kept_open
    assert {(p.payload_type, p.payload, p.marker) for _, p in wire.packets} <= {(20, b"", False)}
