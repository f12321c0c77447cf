import itertools

import pytest

from rtp.codec import codec_for
from rtp.downlink import Downlink
from rtp.format import Format
from rtp.packet import RtpPacket, sequence_distance, timestamp_distance
from rtp.stats import StreamStats
from tests.support.tones import AGENT, tone

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


def test_speech_that_a_hold_left_out_the_beginning_of_is_marked_where_it_is_heard_again() -> None:
    wire = Wire()
    wire.run(0.1)
    wire.play(tone(AGENT, 1.0))
    wire.run(0.2)
    wire.downlink.sending = False
    wire.run(0.2)
    wire.downlink.sending = True
    wire.run(1.0)
    first, second = (packet for _, packet in wire.packets if packet.marker)
    assert first is wire.speech[0]
    assert timestamp_distance(second.timestamp, first.timestamp) / 8000 == pytest.approx(0.4)
    assert wire.stats.talkspurts == 2


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
    assert wire.stats.ticks_behind == 4
    assert wire.stats.tick_late_max == pytest.approx(0.070)


@pytest.mark.parametrize(("late_s", "behind"), [(0.008, 0), (0.012, 1)])
def test_a_tick_more_than_half_a_frame_late_is_counted(late_s: float, behind: int) -> None:
    wire = Wire()
    wire.run(0.1)
    wire.now += late_s
    wire.poll()
    wire.run(0.1)
    assert wire.stats.ticks_behind == behind


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
