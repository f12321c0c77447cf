"""Each packet carries one level of its own, so that the PCM tells which packets are in it."""

from collections.abc import Sequence

import numpy as np
import pytest

from rtp.codec import codec_for
from rtp.format import Format
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.support.clock import Timeline
from tests.support.network import Link

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000)
SSRC = 0x5EED
CODEC = codec_for(PCMU)


def payload(number: int, ptime: int = 20) -> bytes:
    """A frame of one level, never silent, different for neighbours."""
    return bytes([0x80 + number % 100]) * (8 * ptime)


def level(number: int) -> int:
    return int(np.frombuffer(CODEC.decode(payload(number)), "<i2")[0])


class Caller:
    """An uplink, the sender of its packets, and the agent that hears them."""

    def __init__(self, audio: Format = PCMU, *, sequence: int = 100, timestamp: int = 5000) -> None:
        self.stats = StreamStats()
        self.time = Timeline()
        self.heard: list[tuple[float, bytes]] = []
        self.uplink = Uplink(audio, on_pcm=self._hear, stats=self.stats, now=0.0)
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = SSRC

    def _hear(self, pcm: bytes) -> None:
        self.heard.append((self.time.now, pcm))

    def send(self, number: int, *, ptime: int = 20, marker: bool = False) -> None:
        """Deliver packet `number` of a stream of equal packets, now."""
        self.deliver(
            self.sequence + number,
            self.timestamp + number * 8 * ptime,
            payload(number, ptime),
            marker=marker,
        )

    def deliver(
        self, sequence: int, timestamp: int, octets: bytes, *, marker: bool = False
    ) -> None:
        self.stats.received += 1
        self.uplink.receive(
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            self.ssrc,
            octets,
            self.time.now,
            marker=marker,
        )
        self.watch_gap()

    def watch_gap(self) -> None:
        deadline = self.uplink.jitter.deadline
        if deadline is not None:
            self.time.at(deadline, self._expire)

    def _expire(self) -> None:
        self.uplink.expire(self.time.now)
        self.watch_gap()

    def tick(self, *, until: float) -> None:
        """Let the leg's clock beat from now on."""
        self.time.every(0.020, lambda: self.uplink.tick(self.time.now), until=until)

    def stream(self, numbers: Sequence[int], *, ptime: int = 20, at: float = 0.0) -> None:
        """Have packets delivered when a steady sender's would be."""
        for number in numbers:
            self.time.at(
                at + number * ptime / 1000,
                lambda n=number: self.send(n, ptime=ptime),  # type: ignore[misc]
            )

    @property
    def pcm(self) -> bytes:
        return b"".join(pcm for _, pcm in self.heard)

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / 8000

    @property
    def levels(self) -> list[int]:
        """First sample of each frame handed up."""
        return [int(np.frombuffer(pcm, "<i2")[0]) for _, pcm in self.heard]


def levels(numbers: Sequence[int]) -> list[int]:
    return [level(number) for number in numbers]


# In order


def test_a_packet_in_order_goes_up_within_the_call_that_brings_it() -> None:
    caller = Caller()
    for number in range(5):
        caller.time.now = number * 0.02
        caller.send(number)
        assert len(caller.heard) == number + 1
    assert caller.levels == levels(range(5))


def test_speech_without_loss_goes_up_bit_by_bit_as_it_came() -> None:
    caller = Caller()
    caller.tick(until=20.0)
    caller.stream(range(1000))
    caller.time.run(20.0)
    expected = b"".join(CODEC.decode(payload(number)) for number in range(1000))
    assert caller.pcm == expected


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_any_ptime_is_taken_frame_by_frame(ptime: int) -> None:
    caller = Caller()
    caller.tick(until=3.0)
    caller.stream(range(3000 // ptime), ptime=ptime)
    caller.time.run(3.0)
    assert {len(pcm) for _, pcm in caller.heard} == {16 * ptime}
    assert caller.stats.filled == caller.stats.concealed == 0


def test_frames_may_change_their_length_mid_stream() -> None:
    caller = Caller()
    now, timestamp = 0.0, 0
    for number, ptime in enumerate([20, 20, 10, 10, 60, 30, 20] * 10):
        caller.time.now = now
        caller.deliver(number, timestamp, payload(number, ptime))
        now += ptime / 1000
        timestamp += 8 * ptime
    assert caller.stats.filled == caller.stats.resyncs == caller.stats.lost == 0
    assert len(caller.pcm) == 2 * timestamp


def test_sequence_and_timestamp_wrap_unnoticed() -> None:
    caller = Caller(sequence=0xFFFF - 10, timestamp=0xFFFFFFFF - 10 * 160 - 7)
    caller.stream(range(30))
    caller.time.run(1.0)
    assert caller.levels == levels(range(30))
    assert caller.stats.lost == caller.stats.resyncs == 0
    assert caller.uplink.highest - caller.uplink.base + 1 == 30


# Reordered, late, twice


def test_reordered_packets_go_up_in_order() -> None:
    caller = Caller()
    for number in (0, 2, 1, 3, 6, 5, 4, 7):
        caller.time.run(caller.time.now + 0.004)
        caller.send(number)
    assert caller.levels == levels(range(8))
    assert caller.stats.lost == 0
    assert caller.stats.reordered == 3  # 1, 5 and 4


def test_a_duplicate_is_dropped_and_counted() -> None:
    caller = Caller()
    for number in (0, 1, 1, 0, 2):
        caller.send(number)
    assert caller.levels == levels(range(3))
    assert caller.stats.duplicates == 2


def test_a_stream_that_comes_twice_goes_up_once() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(200))
    caller.stream(range(200), at=0.003)
    caller.time.run(4.0)
    assert caller.levels == levels(range(200))
    assert caller.stats.duplicates == 200
    assert caller.stats.resyncs == 0


def test_a_late_packet_is_counted_not_played() -> None:
    caller = Caller()
    caller.stream([0, 1, 2, 4, 5, 6, 7])
    caller.time.at(0.150, lambda: caller.send(3))
    caller.time.run(0.2)
    assert caller.stats.late == 1
    assert level(3) not in caller.levels
    assert caller.seconds == pytest.approx(8 * 0.020)


# Lost


def test_the_wait_for_a_lost_packet_is_bounded() -> None:
    caller = Caller()
    caller.stream([0, 1, 2, 4])
    caller.time.run(0.4)
    assert len(caller.heard) == 5
    assert 0.080 < caller.heard[-1][0] <= 0.140


def test_after_a_loss_packets_go_up_at_once_again() -> None:
    caller = Caller()
    caller.stream([0, 1, 2, 4, 5, 6, 7])
    caller.time.run(0.139)
    before = len(caller.heard)
    caller.time.run(0.140)
    assert len(caller.heard) == before + 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_percent_loss_and_30_ms_of_jitter_are_concealed_one_for_one(seed: int) -> None:
    caller, link = Caller(), Link(seed=seed, loss=0.02, delay_ms=20, jitter_ms=30)
    caller.tick(until=60.2)
    for number in range(3000):
        for arrival in link.carry(number * 0.02):
            caller.time.at(arrival, lambda n=number: caller.send(n))  # type: ignore[misc]
    caller.time.run(60.05)
    assert caller.stats.lost == link.lost
    runs_too_long_to_wait_for = caller.stats.filled
    assert caller.stats.concealed + runs_too_long_to_wait_for >= link.lost
    assert runs_too_long_to_wait_for <= 10
    assert caller.stats.late == 0
    assert caller.seconds == pytest.approx(60.0, abs=0.08)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_network_that_reorders_loses_nothing(seed: int) -> None:
    caller, link = Caller(), Link(seed=seed, delay_ms=20, jitter_ms=5, reorder=0.03)
    caller.tick(until=60.2)
    for number in range(3000):
        for arrival in link.carry(number * 0.02):
            caller.time.at(arrival, lambda n=number: caller.send(n))  # type: ignore[misc]
    caller.time.run(60.05)
    assert caller.stats.reordered > 50
    assert caller.stats.late <= 3  # until the wait has learnt how long reordering takes
    assert caller.seconds == pytest.approx(60.0, abs=0.1)


# Without audio


def test_a_packet_without_audio_leaves_no_gap() -> None:
    caller = Caller()
    caller.send(0)
    caller.uplink.skip(101, SSRC, 0.02)
    caller.deliver(102, 5160, payload(1))
    assert caller.levels == levels([0, 1])
    assert caller.stats.lost == 0


def test_a_packet_without_audio_out_of_order_is_waited_for_like_any_other() -> None:
    caller = Caller()
    caller.send(0)
    caller.deliver(102, 5160 + 160, payload(1))
    caller.uplink.skip(101, SSRC, 0.02)
    assert caller.levels[-1] == level(1)
    assert caller.stats.lost == 0


# Wrong


def test_another_ssrc_is_followed_from_its_first_packet() -> None:
    caller = Caller()
    caller.stream(range(10))
    caller.time.run(0.2)
    caller.ssrc = 0xBEEF
    for number in range(10):
        caller.time.now = 0.2 + number * 0.02
        caller.deliver(40_000 + number, 99 + number * 160, payload(number))
    assert caller.levels == levels(range(10)) + levels(range(10))
    assert caller.stats.resyncs == 1
    assert caller.stats.lost == 0


@pytest.mark.parametrize("jump", [1500, -1500, 30_000])
def test_a_jump_in_the_sequence_is_followed_at_once(jump: int) -> None:
    caller = Caller(sequence=5000)
    caller.stream(range(10))
    caller.time.run(0.2)
    for number in range(10, 20):
        caller.time.now = number * 0.02
        caller.deliver(5000 + jump + number, 77 + number * 160, payload(number))
    assert caller.levels == levels(range(20))
    assert caller.stats.resyncs == 1
    assert caller.stats.lost == 0


def test_a_sequence_set_back_a_little_is_followed_within_a_fifth_of_a_second() -> None:
    caller = Caller()
    caller.tick(until=2.0)
    caller.stream(range(50))
    for number in range(50):
        caller.time.at(
            1.0 + number * 0.02,
            lambda n=number: caller.deliver(100 + n, 900_000 + n * 160, payload(n)),  # type: ignore[misc]
        )
    caller.time.run(2.0)
    assert caller.stats.resyncs == 1
    assert caller.levels[-40:] == levels(range(10, 50))


def test_a_peer_that_sends_faster_than_real_time_is_bounded() -> None:
    caller = Caller()
    caller.tick(until=10.0)
    for number in range(1000):
        caller.time.at(number * 0.01, lambda n=number: caller.send(n))  # type: ignore[misc]
    caller.time.run(10.0)
    assert caller.seconds <= 10.5
    assert caller.stats.excess == pytest.approx(475, abs=3)


def test_jumps_in_sequence_and_timestamp_cannot_conjure_up_audio() -> None:
    caller = Caller()
    for number in range(100):
        caller.time.now = number * 0.02
        caller.deliver(number * 900, number * 900 * 160, payload(number))
        caller.uplink.expire(caller.time.now + 0.06)
    assert caller.seconds <= 2.0 + 0.06 + 0.5


# Held, and changed


def test_after_a_pause_the_sender_is_taken_up_anew_without_a_resync() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(50))
    caller.time.run(1.0)
    caller.uplink.pause()
    caller.time.run(2.0)
    assert caller.seconds == pytest.approx(2.0, abs=0.021)
    for number in range(10):
        caller.time.now = 2.0 + number * 0.02
        caller.deliver(5 + number, 5 + number * 160, payload(number))
    assert caller.levels[-10:] == levels(range(10))
    assert caller.stats.resyncs == 0


def test_another_format_goes_on_without_a_gap() -> None:
    caller = Caller()
    caller.tick(until=4.0)
    caller.stream(range(50))
    caller.time.run(1.0)
    caller.uplink.reformat(
        Format(encoding="PCMA", payload_type=8, clock_rate=8000, sample_rate=8000), 1.0
    )
    for number in range(50):
        caller.time.at(
            1.0 + number * 0.02,
            lambda n=number: caller.deliver(150 + n, 13_000 + n * 160, b"\x55" * 160),  # type: ignore[misc]
        )
    caller.time.run(2.0)
    assert caller.seconds == pytest.approx(2.0)


def test_what_waits_for_a_missing_packet_goes_up_before_another_format_does() -> None:
    caller = Caller()
    for number in (0, 1, 3):
        caller.time.now = number * 0.02
        caller.send(number)
    assert level(3) not in caller.levels
    caller.uplink.reformat(
        Format(encoding="PCMA", payload_type=8, clock_rate=8000, sample_rate=8000), 0.06
    )
    assert caller.levels[-1] == level(3)
    assert (caller.stats.lost, caller.stats.concealed) == (1, 1)
