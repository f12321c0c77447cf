"""Opus in the uplink: its own concealment, its redundancy, its silence."""

import random
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from rtp import opus
from rtp.conceal import Concealer, Following
from rtp.format import Format
from rtp.resample import Resampler
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.support.tones import tone

pytestmark = pytest.mark.skipif(not opus.available(), reason="this system has no libopus")

RATE = 16000
FRAME = 320
OPUS = Format(encoding="opus", payload_type=96, clock_rate=48000, sample_rate=RATE)
SPEECH = Path("/usr/share/asterisk/sounds/en_US_f_Allison/vm-rec-unv.wav")


def samples(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def encoded(pcm: bytes, *, dtx: bool = False) -> list[bytes]:
    encoder, size = opus.Opus(RATE, dtx=dtx), 2 * FRAME
    return [encoder.encode(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]


class Caller:
    """Packets of a steady sender into an uplink, without the lost ones."""

    def __init__(self) -> None:
        self.stats = StreamStats()
        self.heard = bytearray()
        self.uplink = Uplink(OPUS, on_pcm=self.heard.extend, stats=self.stats, now=0.0)

    def deliver(self, number: int, packet: bytes, *, sequence: int | None = None) -> None:
        now = number * 0.02
        deadline = self.uplink.jitter.deadline
        if deadline is not None and deadline <= now:
            self.uplink.expire(now)
        self.stats.received += 1
        counted = number if sequence is None else sequence
        self.uplink.receive(counted, number * 960, 7, packet, now, marker=False)
        if self.uplink.jitter.deadline is not None:
            self.uplink.expire(self.uplink.jitter.deadline)


def heard(packets: Sequence[bytes], lost: set[int]) -> tuple[bytes, StreamStats]:
    caller = Caller()
    for number, packet in enumerate(packets):
        if number not in lost:
            caller.deliver(number, packet)
    return bytes(caller.heard), caller.stats


def closeness(pcm: bytes, clean: bytes, lost: set[int]) -> float:
    """Mean over the lost frames that hold speech: dB by which they outweigh their error."""
    ratios = []
    for number in lost:
        at = slice(number * FRAME, (number + 1) * FRAME)
        wanted, got = samples(clean)[at], samples(pcm)[at]
        if np.mean(wanted**2) > 300**2:
            ratios.append(10 * np.log10(np.sum(wanted**2) / (np.sum((wanted - got) ** 2) + 1)))
    return float(np.mean(ratios))


@pytest.mark.skipif(not SPEECH.exists(), reason="asterisk-core-sounds-en-wav is not installed")
def test_speech_lost_here_and_there_comes_back_from_the_packet_after() -> None:
    with wave.open(str(SPEECH)) as file:
        packets = encoded(Resampler(8000, RATE).convert(file.readframes(file.getnframes())))
    spread = random.Random(3)
    lost = {n for n in range(6, len(packets) - 2, 2) if spread.random() < 0.2}
    clean, _ = heard(packets, set())
    pcm, stats = heard(packets, lost)
    assert len(pcm) == len(clean)
    assert stats.lost == stats.concealed == len(lost)
    assert closeness(pcm, clean, lost) > closeness(by_waveform(packets, lost), clean, lost) + 6


def by_waveform(packets: Sequence[bytes], lost: set[int]) -> bytes:
    """The same losses filled as G.711's are."""
    decoder, concealer, pcm = opus.Opus(RATE), Concealer(RATE), b""
    for number, packet in enumerate(packets):
        if number in lost:
            pcm += concealer.conceal(FRAME)
            continue
        frame = concealer.resume(decoder.decode(packet))
        concealer.settle()
        concealer.remember(frame)
        pcm += frame
    return pcm


@pytest.mark.parametrize("run", [1, 2, 3, 5])
def test_each_lost_opus_frame_is_replaced_by_one(run: int) -> None:
    packets = encoded(tone(300, 2.0, sample_rate=RATE))
    lost = {number + part for number in (20, 50, 80) for part in range(run)}
    pcm, stats = heard(packets, lost)
    assert stats.lost == stats.concealed == len(lost)
    assert len(pcm) == len(packets) * 2 * FRAME


def test_what_follows_a_loss_is_left_as_the_decoder_joined_it() -> None:
    packets = encoded(tone(300, 1.0, sample_rate=RATE))
    pcm, _ = heard(packets, {20})
    decoder, expected = opus.Opus(RATE), b""
    for number, packet in enumerate(packets):
        if number == 20:
            expected += decoder.conceal(FRAME, packets[21])
        else:
            expected += decoder.decode(packet)
    assert pcm == expected


def brought(packets: Sequence[bytes]) -> list[bytes]:
    """What each packet brings along of the frame before it, where it does, else an invention."""
    recovered, decoder = [], opus.Opus(RATE)
    for number, packet in enumerate(packets):
        if number:
            recovered.append(decoder.conceal(FRAME, packet))
        else:
            decoder.decode(packet)
    return recovered


@pytest.mark.skipif(not SPEECH.exists(), reason="asterisk-core-sounds-en-wav is not installed")
@pytest.mark.parametrize(("reports", "redundant"), [([], True), ([0.0] * 3, False)])
def test_reports_of_no_loss_spare_the_other_side_the_redundancy(
    reports: list[float], *, redundant: bool
) -> None:
    with wave.open(str(SPEECH)) as file:
        pcm = Resampler(8000, RATE).convert(file.readframes(file.getnframes()))
    encoder, size = opus.Opus(RATE), 2 * FRAME
    for lost in reports:
        encoder.follow(lost)
    packets = [encoder.encode(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]
    decoder = opus.Opus(RATE)
    clean = b"".join(map(decoder.decode, packets))[: 2 * FRAME * (len(packets) - 1)]
    close = closeness(b"".join(brought(packets)), clean, set(range(len(packets) - 1)))
    assert (close > 5) is redundant, close


def test_redundancy_follows_what_the_other_side_reports() -> None:
    codec = opus.Opus(RATE)
    told = (0.0, 0.004, 0.0, 0.02, 0.0, 0.0, 0.01, 0.009, 0.0, 0.0, 0.0)
    wanted = (1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0)
    for lost, redundant in zip(told, wanted, strict=True):
        codec.follow(lost)
        assert codec.redundant is bool(redundant)


def test_who_cannot_use_redundancy_is_sent_none() -> None:
    codec = opus.Opus(RATE, redundancy=False)
    codec.follow(0.1)
    assert not codec.redundant


def test_the_pause_of_a_silent_sender_is_background_and_not_digital_silence() -> None:
    noise = np.random.default_rng(2).standard_normal(2 * RATE) * 200
    packets = encoded(noise.astype("<i2").tobytes())
    caller = Caller()
    for number, packet in enumerate(packets):
        caller.deliver(number, packet)
    before = len(caller.heard)
    for beat in range(100, 150):
        caller.uplink.tick(beat * 0.02)
    pause = samples(bytes(caller.heard[before:]))
    assert len(pause) >= 45 * FRAME
    assert 20 < np.sqrt(np.mean(pause[-10 * FRAME :] ** 2)) < 400
    assert caller.stats.lost == caller.stats.concealed == 0


def test_packets_of_dtx_are_decoded_like_any_other() -> None:
    packets = encoded(tone(300, 0.5, sample_rate=RATE) + bytes(4 * RATE), dtx=True)
    assert min(map(len, packets)) <= 2
    pcm, stats = heard(packets, set())
    assert len(pcm) == len(packets) * 2 * FRAME
    assert stats.invalid == 0


def test_speech_that_a_silent_sender_resumes_is_not_taken_for_loss() -> None:
    packets = encoded(tone(300, 2.0, sample_rate=RATE))
    caller = Caller()
    for number in range(50):
        caller.deliver(number, packets[number])
    for beat in range(50, 80):
        caller.uplink.tick(beat * 0.02)
    for number in range(80, 100):
        caller.deliver(number, packets[number], sequence=number - 30)
    assert caller.stats.lost == caller.stats.concealed == caller.stats.late == 0
    assert len(caller.heard) / 2 == pytest.approx(100 * FRAME, abs=2 * FRAME)


@pytest.mark.parametrize("samples_", [1, 37, 40, 159, 321, 1999])
def test_an_odd_gap_is_filled_to_the_sample(samples_: int) -> None:
    codec = opus.Opus(RATE)
    concealer = opus.OpusConcealer(codec)
    concealer.remember(codec.decode(encoded(tone(300, 0.1, sample_rate=RATE))[0]))
    assert len(concealer.conceal(samples_)) == 2 * samples_
    following = Following(b"\xff\x00", codec.decode)
    assert len(concealer.conceal(samples_, following)) == 2 * samples_


@pytest.mark.parametrize("odd", [b"\xff" * 7, b"\x03" + bytes(3), b"\x00", bytes(1500)])
def test_an_odd_packet_after_a_loss_is_counted_not_raised(odd: bytes) -> None:
    packets = encoded(tone(300, 1.0, sample_rate=RATE))
    packets[21] = odd
    _, stats = heard(packets, {20})
    assert stats.lost == 1
    assert stats.concealed == 1 + stats.invalid  # the odd one's own place is filled as well


def test_after_being_reset_silence_is_digital() -> None:
    codec = opus.Opus(RATE)
    concealer = opus.OpusConcealer(codec)
    concealer.remember(codec.decode(encoded(tone(300, 0.1, sample_rate=RATE))[0]))
    concealer.reset()
    assert concealer.spent
    assert concealer.conceal(FRAME) == bytes(2 * FRAME)
