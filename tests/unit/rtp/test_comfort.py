import av
import numpy as np
import pytest

from rtp.comfort import ComfortNoise, Hush, noise_level
from rtp.format import Format
from rtp.stats import StreamStats
from rtp.uplink import Uplink

PCMU = Format(encoding="PCMU", payload_type=0, clock_rate=8000, sample_rate=8000)


def loudness(pcm: bytes) -> float:
    """Power in dBov."""
    return float(10 * np.log10(np.mean((np.frombuffer(pcm, "<i2") / 32768.0) ** 2) + 1e-12))


@pytest.mark.parametrize("level", [40, 55, 70])
def test_noise_is_as_loud_as_the_sender_says(level: int) -> None:
    noise = ComfortNoise(8000, level)
    assert loudness(b"".join(noise.take(160) for _ in range(200))) == pytest.approx(-level, abs=1)


def test_a_sender_that_claims_a_roaring_room_is_not_believed() -> None:
    assert noise_level(b"\x00") == noise_level(b"\x80") == 30


def test_the_quietest_level_is_digital_silence() -> None:
    assert not any(ComfortNoise(8000, 127).take(160))


def test_a_packet_without_a_level_says_none() -> None:
    assert noise_level(b"") is None


def encoded(level: int) -> bytes:
    """What FFmpeg, which is not ours, sends of a room as loud as `level` -dBov, with a spectrum."""
    encoder = av.CodecContext.create("comfortnoise", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = 8000, "s16", "mono"
    room = np.random.default_rng(1).standard_normal(640) * 32768 * 10 ** (-level / 20)
    frame = av.AudioFrame.from_ndarray(room.astype("<i2")[np.newaxis], "s16", "mono")
    frame.sample_rate = 8000
    (packet,) = encoder.encode(frame)
    return bytes(packet)


@pytest.mark.parametrize("level", [35, 45, 60])
def test_a_room_that_ffmpeg_tells_of_is_as_loud_here(level: int) -> None:
    packet = encoded(level)
    assert len(packet) > 1
    caller = Caller(packet)
    assert loudness(bytes(caller.heard[16000:])) == pytest.approx(-level, abs=1.5)


def test_what_we_send_is_silence_to_ffmpeg() -> None:
    decoder = av.CodecContext.create("comfortnoise", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 8000, "mono"
    hush = Hush(0.02)
    told = next(payload for slot in range(10) if (payload := hush.payload(slot)))
    frames = [frame for _ in range(5) for frame in decoder.decode(av.Packet(told))]
    assert frames
    assert not any(frame.to_ndarray().any() for frame in frames)


class Caller:
    """Speaks for a second, then sends comfort noise and nothing more."""

    def __init__(self, comfort_noise: bytes) -> None:
        self.heard = bytearray()
        self.uplink = Uplink(PCMU, on_pcm=self.heard.extend, stats=StreamStats(), now=0.0)
        for number in range(50):
            self.say(number, now=number * 0.02)
        self.uplink.skip(50, 7, 1.0, comfort_noise=comfort_noise)
        self.rest(1.0, 2.0)

    def say(self, number: int, *, now: float) -> None:
        timestamp = round(now * 8000)
        self.uplink.receive(number, timestamp, 7, b"\xff" * 160, now, marker=False)

    def rest(self, since: float, until: float) -> None:
        for beat in range(round((until - since) / 0.02)):
            self.uplink.tick(since + (beat + 1) * 0.02)


def test_the_room_is_heard_while_the_caller_says_nothing() -> None:
    caller = Caller(b"\x2d\x80\x80")
    assert len(caller.heard) == pytest.approx(2 * 16000, abs=640)
    assert loudness(bytes(caller.heard[16000:])) == pytest.approx(-45, abs=1)


def test_the_room_ends_where_speech_begins() -> None:
    caller = Caller(b"\x2d")
    before = len(caller.heard)
    for number in range(51, 60):
        caller.say(number, now=2.0 + (number - 51) * 0.02)
    assert not any(caller.heard[before + 320 :])
    caller.rest(2.2, 3.0)
    assert not any(caller.heard[before + 320 :])


def test_a_call_on_hold_hears_nothing_of_the_room() -> None:
    caller = Caller(b"\x2d")
    caller.uplink.pause()
    before = len(caller.heard)
    caller.rest(2.0, 3.0)
    assert len(caller.heard) > before
    assert not any(caller.heard[before:])
