import struct
from dataclasses import replace

import pytest

from rtp import rtcp
from rtp.format import Format
from rtp.latch import Address, Latch
from rtp.packet import RtpPacket
from rtp.receiver import Receiver
from rtp.stats import StreamStats
from rtp.uplink import Uplink

PCMU = Format(
    encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000, event_payload_type=101
)
CALLER = ("192.0.2.1", 4000)
STRANGER = ("198.51.100.66", 4000)
AUDIO = b"\x90" * 160


class Ear:
    """A receiver and everything that comes out of it."""

    def __init__(self, audio: Format = PCMU) -> None:
        self.stats = StreamStats()
        self.pcm: list[bytes] = []
        self.digits: list[str] = []
        self.rtcp: list[tuple[bytes, Address]] = []
        self.receiver = Receiver(
            audio,
            latch=Latch(CALLER, silence_s=2.0),
            uplink=Uplink(audio, on_pcm=self.pcm.append, stats=self.stats, now=0.0),
            stats=self.stats,
            on_digit=self.digits.append,
            on_rtcp=lambda data, source: self.rtcp.append((data, source)),
        )
        self.now = 0.0

    def take(
        self,
        sequence: int,
        payload: bytes = AUDIO,
        *,
        payload_type: int = 0,
        timestamp: int | None = None,
        source: Address = CALLER,
        csrc: tuple[int, ...] = (),
    ) -> None:
        packet = RtpPacket(
            payload_type=payload_type,
            sequence=sequence,
            timestamp=sequence * 160 if timestamp is None else timestamp,
            ssrc=7,
            payload=payload,
            csrc=csrc,
        )
        self.now += 0.02
        self.receiver.take(packet.serialize(), source, self.now)


def test_audio_of_ours_goes_up() -> None:
    ear = Ear()
    ear.take(1)
    assert len(ear.pcm) == 1
    assert ear.stats.received == 1
    assert ear.receiver.last_received == ear.now


def test_a_packet_with_contributing_sources_is_audio_like_any_other() -> None:
    ear = Ear()
    ear.take(1, csrc=(1, 2, 3))
    assert [len(pcm) for pcm in ear.pcm] == [320]


@pytest.mark.parametrize(
    "data", [b"", b"x", bytes(12), b"\x80", b"\x8f" + bytes(20), b"\x00\x01" * 20]
)
def test_octets_that_are_no_rtp_are_counted_and_dropped(data: bytes) -> None:
    ear = Ear()
    ear.receiver.take(data, CALLER, 1.0)
    assert ear.stats.invalid == 1
    assert ear.stats.received == 0
    assert ear.receiver.last_received is None


def test_a_payload_type_nobody_negotiated_is_counted_and_dropped_but_not_missed() -> None:
    ear = Ear()
    ear.take(1)
    ear.take(2, payload_type=18, timestamp=160)
    ear.take(3, timestamp=320)
    assert ear.stats.unexpected == 1
    assert len(ear.pcm) == 2
    assert ear.stats.lost == 0


def test_a_payload_type_nobody_negotiated_does_not_latch() -> None:
    ear = Ear()
    ear.take(1, payload_type=18, source=STRANGER)
    assert ear.receiver.latch.source is None
    assert ear.receiver.last_received is None


def test_a_stranger_is_counted_and_not_heard() -> None:
    ear = Ear()
    ear.take(1)
    ear.take(2, b"\x10" * 160, source=STRANGER)
    ear.take(3, payload_type=101, payload=bytes(4), source=STRANGER)
    assert ear.stats.strangers == 2
    assert len(ear.pcm) == 1
    assert not ear.digits
    assert ear.receiver.latch.target == CALLER


def test_a_key_press_is_told_once_and_leaves_no_gap_in_the_audio() -> None:
    ear = Ear()
    ear.take(1)
    for sequence in range(2, 8):
        ear.take(
            sequence, struct.pack("!BBH", 5, 10, 160 * sequence), payload_type=101, timestamp=320
        )
    ear.take(8, timestamp=8 * 160)
    assert ear.digits == ["5"]
    assert ear.stats.digits == 1
    assert ear.stats.lost == 0


def test_a_malformed_event_is_counted_and_dropped() -> None:
    ear = Ear()
    ear.take(1, b"\x05", payload_type=101)
    assert ear.stats.invalid == 1
    assert not ear.digits


def test_comfort_noise_is_a_sign_of_life_and_no_loss() -> None:
    ear = Ear()
    ear.take(1)
    ear.take(2, b"\x40", payload_type=13)
    ear.take(3, timestamp=9000)
    assert ear.receiver.last_received == ear.now
    assert ear.stats.lost == ear.stats.unexpected == 0


def test_an_empty_keepalive_keeps_the_latch_and_is_no_audio() -> None:
    ear = Ear()
    ear.take(1, b"")
    assert ear.receiver.latch.source == CALLER
    assert not ear.pcm
    assert ear.stats.invalid == 0


def test_while_held_packets_are_counted_and_not_heard() -> None:
    ear = Ear()
    ear.receiver.receiving = False
    ear.take(1)
    assert ear.stats.held == 1
    assert not ear.pcm
    assert ear.receiver.last_received == ear.now


@pytest.mark.parametrize(
    "packet", [rtcp.Bye(sources=()), rtcp.Bye(sources=(7,)), rtcp.Report(ssrc=7, ntp=1)]
)
def test_rtcp_on_the_rtp_port_is_handed_over(packet: rtcp.Packet) -> None:
    ear = Ear()
    data = rtcp.serialize(packet)
    ear.receiver.take(data, CALLER, 1.0)
    assert ear.rtcp == [(data, CALLER)]
    assert ear.stats.invalid == ear.stats.unexpected == 0


def test_new_payload_types_are_expected_after_a_change() -> None:
    ear = Ear()
    ear.receiver.reformat(
        Format(encoding="PCMU", payload_type=96, clock_rate=8000, sample_rate=8000)
    )
    ear.take(1, payload_type=96)
    ear.take(2, payload_type=0)
    assert (ear.stats.received, ear.stats.unexpected) == (2, 1)
    assert len(ear.pcm) == 1


RENUMBERED = replace(
    PCMU, payload_type=97, own_payload_type=96, event_payload_type=101, own_event_payload_type=120
)
"""Of a peer that answered with numbers of its own."""
SWAPPED = replace(
    PCMU, payload_type=97, own_payload_type=96, event_payload_type=96, own_event_payload_type=97
)
"""The same, with ours the other way round."""
EVENT = bytes([5, 10, 0, 160])


@pytest.mark.parametrize("payload_type", [96, 97])
def test_audio_comes_by_our_number_or_by_that_of_the_peer(payload_type: int) -> None:
    ear = Ear(RENUMBERED)
    ear.take(1, payload_type=payload_type)
    assert len(ear.pcm) == 1
    assert not ear.stats.unexpected


@pytest.mark.parametrize("payload_type", [120, 101])
def test_digits_come_by_our_number_or_by_that_of_the_peer(payload_type: int) -> None:
    ear = Ear(RENUMBERED)
    ear.take(1, EVENT, payload_type=payload_type)
    assert ear.digits == ["5"]


def test_a_number_that_both_sides_give_is_what_it_is_to_us() -> None:
    ear = Ear(SWAPPED)
    ear.take(1, payload_type=96)
    ear.take(2, EVENT, payload_type=97)
    assert len(ear.pcm) == 1
    assert ear.digits == ["5"]
