"""Two streams in virtual time: what comes to the one is sent on by the other."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rtp import opus
from rtp.codec import codec_for
from rtp.downlink import Downlink
from rtp.format import Format, OpusTerms
from rtp.packet import RtpPacket, sequence_distance, timestamp_distance
from rtp.relay import Relay
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.support.tones import AGENT, CALLER, tone

G722 = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000)
OPUS = Format(encoding="opus", payload_type=96, clock_rate=48000, sample_rate=16000)
OPUS_THERE = Format(
    encoding="OPUS",
    payload_type=112,
    clock_rate=48000,
    sample_rate=16000,
    event_payload_type=101,
    event_clock_rate=48000,
)
needs_opus = pytest.mark.skipif(not opus.available(), reason="libopus is not here")
SILENCE = bytes(640)


class Pair:
    """A sender, the uplink that takes its packets, and the downlink of another stream."""

    def __init__(
        self, here: Format = G722, there: Format = G722, *, listened: bool = False
    ) -> None:
        self.now = 100.0
        self.here, self.there = here, there
        self.near, self.far = StreamStats(), StreamStats()
        self.uplink = Uplink(here, on_pcm=self._hear, stats=self.near, now=self.now)
        self.downlink = Downlink(there, stats=self.far, now=self.now)
        self.relay = Relay(here, self.downlink, send=self._send)
        self.uplink.connect(self.relay)
        self.uplink.decoder.listened = listened
        self.sent: list[tuple[float, RtpPacket]] = []
        self.heard = b""
        self._codec = codec_for(here)
        self.ssrc, self.sequence, self.timestamp = 7, 65_530, 0xFFFFF000
        self._tick_at = self.now
        self._said = 0  # bytes of the voice

    def _hear(self, pcm: bytes) -> None:
        self.heard += pcm
        if self.downlink.play(pcm):
            self._poll()

    def _send(self, packet: bytes, now: float) -> None:
        self.sent.append((now, RtpPacket.parse(packet)))

    def _poll(self) -> None:
        packet = self.downlink.poll(self.now)
        if packet is not None:
            self._send(packet, self.now)

    def run(self, seconds: float) -> None:
        """Let time pass, and both streams turn."""
        until = self.now + seconds
        while True:
            gap = self.uplink.jitter.deadline
            due = min(self.downlink.pacer.wake, self._tick_at, until if gap is None else gap)
            if due >= until - 1e-9:
                break
            self.now = max(self.now, due)
            if gap is not None and gap <= self.now:
                self.uplink.expire(self.now)
            if self.downlink.pacer.wake <= self.now:
                self._poll()
            if self._tick_at <= self.now:
                self._tick_at += 0.020
                self.uplink.tick(self.now)
        self.now = until

    def encode(self, pcm: bytes) -> bytes:
        return self._codec.encode(pcm)

    def next(self, payload: bytes | None = None, *, marker: bool = False) -> tuple[int, int, bytes]:
        """Number the sender's next packet, which is not delivered."""
        self.sequence += 1
        self.timestamp += self.here.timestamp_step
        return self.sequence, self.timestamp, payload or self._payload()

    def deliver(self, packet: tuple[int, int, bytes], *, marker: bool = False) -> bytes:
        sequence, timestamp, payload = packet
        self.near.received += 1
        self.uplink.receive(
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            self.ssrc,
            payload,
            self.now,
            marker=marker,
        )
        return payload

    def talk(self, frames: int) -> list[bytes]:
        """Deliver packets as a steady sender's come; returns their payloads."""
        payloads = []
        for _ in range(frames):
            payloads.append(self.deliver(self.next()))
            self.run(self.here.frame_s)
        return payloads

    def _payload(self) -> bytes:
        at, self._said = self._said, self._said + self.here.frame_bytes
        return self.encode(_VOICE[at : self._said])

    def relaying(self) -> bool:
        return self.downlink.passage.open

    @property
    def payloads(self) -> list[bytes]:
        return [packet.payload for _, packet in self.sent]

    @property
    def packets(self) -> list[RtpPacket]:
        return [packet for _, packet in self.sent]

    def steps(self) -> list[tuple[int, int]]:
        """By how much sequence and timestamp go on from packet to packet."""
        return [
            (
                sequence_distance(after.sequence, before.sequence),
                timestamp_distance(after.timestamp, before.timestamp),
            )
            for before, after in itertools.pairwise(self.packets)
        ]


_VOICE = tone(CALLER, 6.0, sample_rate=16000, level=0.3)


@needs_opus
def test_payloads_go_out_at_once_as_they_came_under_the_numbers_of_the_other_stream() -> None:
    pair = Pair(OPUS, OPUS_THERE)
    pair.run(0.5)
    before = len(pair.sent)
    sent = []
    for _ in range(20):
        began = pair.now
        sent.append(pair.deliver(pair.next()))
        assert pair.sent[-1][0] == began
        pair.run(0.020)
    assert pair.payloads[before:] == sent
    assert {packet.payload_type for packet in pair.packets} == {112}
    assert {packet.ssrc for packet in pair.packets} == {pair.downlink.numbering.ssrc}
    assert set(pair.steps()) == {(1, 960)}
    assert pair.heard == b"" or not any(pair.heard)


def test_no_sound_is_made_of_what_is_relayed() -> None:
    pair = Pair()
    pair.talk(50)
    assert not pair.heard
    assert pair.near.filled == pair.near.lost == pair.near.late == pair.near.resyncs == 0


def test_the_numbers_go_on_across_both_wraps() -> None:
    pair = Pair()
    pair.downlink.numbering.sequence = 65_533
    pair.downlink.numbering.align(0, 0xFFFFFFF0, 160)
    pair.talk(20)
    assert set(pair.steps()) == {(1, 160)}


def test_a_lost_packet_stays_a_gap_in_the_sequence_and_in_time() -> None:
    pair = Pair()
    pair.talk(5)
    pair.next()
    pair.next()
    pair.run(0.040)
    sent = pair.talk(5)
    assert pair.steps().count((3, 480)) == 1
    assert set(pair.steps()) == {(1, 160), (3, 480)}
    assert pair.payloads[-5:] == sent
    assert pair.near.lost == 2


def test_packets_out_of_order_are_put_in_order() -> None:
    pair = Pair()
    pair.talk(5)
    first, second = pair.next(), pair.next()
    pair.deliver(second)
    pair.run(0.004)
    pair.deliver(first)
    pair.run(0.036)
    pair.talk(3)
    assert pair.payloads[5:7] == [first[2], second[2]]
    assert set(pair.steps()) == {(1, 160)}
    assert pair.near.reordered == 1
    assert pair.near.lost == 0


def test_duplicates_are_not_sent_on() -> None:
    pair = Pair()
    pair.talk(5)
    packet = pair.next()
    pair.deliver(packet)
    pair.deliver(packet)
    pair.run(0.020)
    pair.talk(2)
    assert len(pair.sent) == 8
    assert pair.near.duplicates == 1


@needs_opus
def test_a_pause_of_the_sender_stays_a_pause() -> None:
    pair = Pair(OPUS, OPUS_THERE)
    pair.talk(10)
    before = len(pair.sent)
    for _ in range(3):  # a packet each 400 ms, as Opus does
        pair.timestamp += 19 * 960
        pair.run(0.380)
        pair.talk(1)
    assert len(pair.sent) == before + 3
    assert pair.steps()[-3:] == [(1, 20 * 960)] * 3


def test_a_marker_goes_on() -> None:
    pair = Pair()
    pair.talk(3)
    pair.deliver(pair.next(), marker=True)
    pair.run(0.020)
    pair.talk(2)
    assert [packet.marker for packet in pair.packets[-3:]] == [True, False, False]


def test_another_sender_goes_on_in_the_same_stream() -> None:
    pair = Pair()
    pair.talk(10)
    pair.ssrc, pair.sequence, pair.timestamp = 8, 4711, 12345
    pair.talk(10)
    assert set(pair.steps()) == {(1, 160)}
    assert len(pair.sent) == 20
    assert pair.near.resyncs == 1


@pytest.mark.parametrize("leap", [-80_000, 80_000])
def test_a_leap_of_the_senders_clock_is_none_on_the_way_out(leap: int) -> None:
    pair = Pair()
    pair.talk(10)
    pair.timestamp += leap
    pair.talk(10)
    assert set(pair.steps()) == {(1, 160)}
    assert len(pair.sent) == 20


def test_a_digit_of_the_sender_leaves_no_gap_in_the_sequence() -> None:
    pair = Pair()
    pair.talk(5)
    for _ in range(5):
        sequence, _, _ = pair.next()
        pair.uplink.skip(sequence & 0xFFFF, pair.ssrc, pair.now)
        pair.run(0.020)
    pair.talk(5)
    assert pair.steps().count((1, 960)) == 1
    assert set(pair.steps()) == {(1, 160), (1, 960)}


def test_packets_of_another_length_keep_it() -> None:
    here = Format(encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000, ptime=40)
    pair = Pair(here, G722)
    sent = pair.talk(10)
    assert pair.payloads == sent
    assert set(pair.steps()) == {(1, 320)}


def test_packets_longer_than_the_other_side_takes_go_on_as_sound_in_its_own() -> None:
    long = replace(G722, ptime=60)
    pair = Pair(long, replace(G722, max_ptime=20))
    pair.talk(20)
    assert not pair.relaying()
    assert {len(payload) for payload in pair.payloads} == {160}
    assert len(pair.payloads) >= 55
    short = Pair(long, replace(G722, max_ptime=60))
    short.talk(5)
    assert short.relaying()


def test_speech_that_is_queued_goes_before() -> None:
    pair = Pair()
    pair.run(0.1)
    pair.downlink.play(tone(AGENT, 0.060, sample_rate=16000))
    pair._poll()
    before = len(pair.sent)
    sent = pair.talk(3)
    assert len(pair.sent) == before + 2 + 3
    assert pair.payloads[-3:] == sent
    assert set(pair.steps()) == {(1, 160)}


def test_behind_a_long_speech_there_is_sound_till_it_is_over() -> None:
    pair = Pair()
    pair.run(0.1)
    pair.downlink.play(tone(AGENT, 1.0, sample_rate=16000))
    pair.talk(5)
    assert not pair.relaying()
    assert pair.heard
    pair.downlink.clear(pair.now)
    pair.run(0.060)
    pair.downlink.playout.clear()
    sent = pair.talk(3)
    assert pair.relaying()
    assert pair.payloads[-3:] == sent


def test_a_sender_that_is_gone_leaves_silence_not_nothing() -> None:
    pair = Pair()
    pair.talk(10)
    pair.run(0.9)
    assert len(pair.sent) == 10
    pair.run(1.0)
    assert 40 <= len(pair.sent) - 10 <= 60
    pair.sequence += 30
    pair.timestamp += 95 * 160
    sent = pair.talk(5)
    assert pair.payloads[-5:] == sent
    steps = pair.steps()
    assert all(number == 1 for number, _ in steps)
    assert all(ticks >= 160 for _, ticks in steps)
    first, last = pair.sent[0], pair.sent[-1]
    elapsed = timestamp_distance(last[1].timestamp, first[1].timestamp) / 8000
    assert elapsed == pytest.approx(last[0] - first[0], abs=0.045)


def test_what_the_network_held_up_adds_no_delay() -> None:
    pair = Pair()
    pair.talk(10)
    held = [pair.next() for _ in range(100)]
    pair.run(2.0)
    for packet in held:
        pair.deliver(packet)
    pair.run(0.020)
    pair.talk(40)
    assert pair.relaying()
    ahead = timestamp_distance(pair.sent[-1][1].timestamp, pair.sent[0][1].timestamp) / 8000
    assert ahead == pytest.approx(pair.sent[-1][0] - pair.sent[0][0], abs=0.1)


def test_comfort_noise_is_made_here_and_packets_go_on_after_it() -> None:
    pair = Pair()
    pair.talk(10)
    sequence, _, _ = pair.next()
    pair.uplink.skip(sequence & 0xFFFF, pair.ssrc, pair.now, comfort_noise=b"\x28")
    pair.run(0.5)
    assert not pair.relaying()
    noise = codec_for(G722)
    quiet = b"".join(noise.decode(each) for each in pair.payloads[15:])
    assert 50 < np.frombuffer(quiet, "<i2").std() < 1000
    pair.timestamp += 24 * 160
    sent = pair.talk(10)
    assert pair.relaying()
    assert pair.payloads[-5:] == sent[-5:]
    assert all(number == 1 for number, _ in pair.steps())


def test_while_a_digit_is_sent_nothing_else_is() -> None:
    there = Format(
        encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000, event_payload_type=101
    )
    pair = Pair(G722, there)
    pair.talk(5)
    pair.downlink.dial("5")
    pair.talk(12)
    sent = pair.talk(3)
    kinds = [packet.payload_type for packet in pair.packets]
    events = kinds.count(101)
    assert events == 7
    at = kinds.index(101)
    assert 9 not in kinds[at : at + events]
    assert pair.payloads[-3:] == sent
    assert all(number == 1 for number, _ in pair.steps())
    assert all(ticks >= 0 for _, ticks in pair.steps())


@pytest.mark.parametrize(("held_up_s", "goes_on"), [(0.050, True), (0.070, False)])
def test_a_packet_is_of_a_backlog_when_it_is_more_than_60_ms_behind(
    held_up_s: float, *, goes_on: bool
) -> None:
    pair = Pair()
    pair.talk(10)
    sequence, _, _ = pair.next()
    pair.uplink.skip(sequence & 0xFFFF, pair.ssrc, pair.now, comfort_noise=b"\x28")
    pair.run(0.500)
    assert not pair.relaying()
    pair.timestamp += 24 * 160
    pair.run(held_up_s)
    pair.deliver(pair.next())
    assert pair.relaying() is goes_on


def test_after_digits_to_whom_nobody_talks_any_more_no_timestamp_comes_twice() -> None:
    there = Format(
        encoding="G722", payload_type=9, clock_rate=8000, sample_rate=16000, event_payload_type=101
    )
    pair = Pair(G722, there)
    pair.talk(10)
    for _ in range(5):  # ahead of their time: of a clock that is faster than ours
        pair.deliver(pair.next())
    pair.downlink.dial("123456")
    pair.run(3.0)
    sound = [packet for packet in pair.packets if packet.payload_type == 9]
    steps = [timestamp_distance(b.timestamp, a.timestamp) for a, b in itertools.pairwise(sound)]
    assert min(steps) >= 160


def test_whoever_listens_too_hears_what_is_relayed() -> None:
    pair = Pair(listened=True)
    sent = pair.talk(50)
    assert pair.payloads == sent
    assert len(pair.heard) == 50 * 640


def test_whoever_listens_in_on_what_is_sent_hears_it_and_no_more_than_time_has_passed() -> None:
    pair = Pair()
    told = []
    pair.run(0.5)
    pair.downlink.tap(lambda silence, pcm: told.append(bytes(2 * silence) + pcm))
    pair.run(0.5)
    before = len(pair.heard)
    pair.talk(50)
    pair.downlink.settle()
    assert len(b"".join(told)) / 32000 == pytest.approx(1.5, abs=0.041)
    assert b"".join(told).endswith(pair.heard[before:])
    pair.downlink.tap(None)
    before = len(pair.heard)
    pair.talk(5)
    assert len(pair.heard) == before


@pytest.mark.parametrize("audio", [G722, pytest.param(OPUS, marks=needs_opus)])
def test_from_sound_to_packets_and_back_there_is_no_click(audio: Format) -> None:
    """A tone goes by packets, as sound, and by packets again; one decoder hears it all."""
    pair = Pair(audio, audio)
    pair.talk(50)
    pair.uplink.connect(None)
    pair.downlink.release()
    pair.talk(50)
    pair.uplink.connect(pair.relay)
    pair.talk(50)
    assert all(number == 1 for number, _ in pair.steps())
    assert pair.far.overflow == 0
    codec = codec_for(audio)
    pcm = np.frombuffer(b"".join(codec.decode(each) for each in pair.payloads), "<i2")
    steps = np.abs(np.diff(pcm.astype(np.int32)))[3200:]
    steady = steps[: 16000 // 2].max()
    assert steps.max() < 1.6 * steady


def test_after_many_pauses_the_timestamps_keep_to_the_clock() -> None:
    pair = Pair()
    for _ in range(30):
        pair.talk(5)
        pair.run(1.407)
        pair.timestamp += 11256
    first, last = pair.sent[0], pair.sent[-1]
    elapsed = timestamp_distance(last[1].timestamp, first[1].timestamp) / 8000
    assert elapsed == pytest.approx(last[0] - first[0], abs=0.045)
    assert all(ticks >= 160 for _, ticks in pair.steps())


def test_after_sound_again_the_timestamps_keep_to_the_clock() -> None:
    pair = Pair()
    for _ in range(20):
        pair.talk(7)
        pair.downlink.release()
        pair.run(0.040)
        pair.timestamp += 320
    first, last = pair.sent[0], pair.sent[-1]
    elapsed = timestamp_distance(last[1].timestamp, first[1].timestamp) / 8000
    assert elapsed == pytest.approx(last[0] - first[0], abs=0.060)
    assert all(ticks >= 160 for _, ticks in pair.steps())


def test_a_broken_payload_is_counted_and_missed_not_sent_on() -> None:
    if not opus.available():
        pytest.skip("libopus is not here")
    pair = Pair(OPUS, OPUS_THERE)
    pair.talk(3)
    pair.deliver(pair.next(b"\x03"))
    pair.run(0.020)
    pair.talk(3)
    assert len(pair.sent) == 6
    assert pair.near.invalid == 1
    assert (2, 1920) in pair.steps()


@pytest.mark.parametrize(
    ("payload", "ticks"),
    [
        (b"", 0),
        (b"\x08", 960),
        (b"\x09", 1920),
        (b"\x0a\x01\x02", 1920),
        (b"\x18", 2880),
        (b"\x0b\x03", 2880),
        (b"\x0b", 0),
        (b"\x0b\x00", 0),
        (b"\x60", 480),
        (b"\x80", 120),
        (b"\xf8", 960),
    ],
)
def test_the_length_of_an_opus_packet_is_in_its_first_octets(payload: bytes, ticks: int) -> None:
    assert opus.packet_length(payload) == ticks


@needs_opus
@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_the_length_of_what_libopus_makes_is_known(ptime: int) -> None:
    codec = opus.Opus(16000)
    payload = codec.encode(_VOICE[: 32 * ptime])
    assert opus.packet_length(payload) == 48 * ptime


@pytest.mark.parametrize(
    ("other", "borne"),
    [
        (OPUS_THERE, True),
        (G722, False),
        (
            Format(
                encoding="opus",
                payload_type=96,
                clock_rate=48000,
                sample_rate=16000,
                opus=OpusTerms(bitrate=64_000),
            ),
            False,
        ),
    ],
)
def test_a_format_bears_payloads_of_its_own_codec_within_its_terms(
    other: Format, *, borne: bool
) -> None:
    assert OPUS.bears(other) is borne


def test_what_is_sent_on_counts_as_heard_and_its_last_payloads_are_known_until_the_next() -> None:
    pair = Pair()
    pair.run(0.2)
    heard = pair.far.heard
    sent = pair.talk(20)
    assert pair.far.heard - heard == pytest.approx(0.4)
    assert pair.relay.recent == sent[-4:]
    pair.relay.yield_to_sound()
    pair.run(0.5)
    pair.timestamp += 25 * 160
    again = pair.talk(3)
    assert pair.relaying()
    assert pair.relay.recent
    assert set(pair.relay.recent) <= set(again)


def test_sound_of_ours_follows_a_sender_that_is_ahead_of_its_time() -> None:
    pair = Pair()
    pair.talk(10)
    for _ in range(8):
        pair.deliver(pair.next())
    pair.run(0.080)
    pair.relay.yield_to_sound()
    pair.downlink.play(tone(AGENT, 0.5, sample_rate=16000))
    pair.run(1.0)
    assert not pair.relaying()
    assert all(number == 1 for number, _ in pair.steps())
    assert all(ticks >= 160 for _, ticks in pair.steps())
