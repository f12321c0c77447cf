"""G.722, Opus, and codecs whose stream has another rate than their own."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from rtp import opus
from rtp.codec import codec_for, native_rate
from rtp.format import Format, OpusTerms
from rtp.stats import StreamStats
from rtp.uplink import Uplink
from tests.support.tones import strength, tone

NEEDS_OPUS = pytest.mark.skipif(not opus.available(), reason="this system has no libopus")
CASES = [
    ("G722", 16000),
    ("G722", 8000),
    ("PCMU", 16000),
    ("PCMA", 48000),
    pytest.param("opus", 8000, marks=NEEDS_OPUS),
    pytest.param("opus", 16000, marks=NEEDS_OPUS),
    pytest.param("opus", 48000, marks=NEEDS_OPUS),
]


def audio(encoding: str, rate: int, ptime: int = 20) -> Format:
    return Format(
        encoding=encoding,
        payload_type=96,
        clock_rate=48000 if encoding == "opus" else 8000,
        sample_rate=rate,
        ptime=ptime,
    )


@pytest.mark.parametrize(("encoding", "rate"), CASES)
@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_a_tone_comes_through_at_its_pitch_frame_for_frame(
    encoding: str, rate: int, ptime: int
) -> None:
    form = audio(encoding, rate, ptime)
    codec = codec_for(form)
    pcm, size, out = tone(700, 0.6, sample_rate=rate), form.frame_bytes, b""
    for at in range(0, len(pcm), size):
        frame = codec.decode(codec.encode(pcm[at : at + size]))
        assert len(frame) == size
        out += frame
    settled = out[len(out) // 3 :]
    assert strength(settled, 700, sample_rate=rate) == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize(("encoding", "rate"), CASES)
def test_silence_stays_silent(encoding: str, rate: int) -> None:
    codec = codec_for(audio(encoding, rate))
    samples = rate // 50
    heard = [codec.decode(codec.encode_silence(samples)) for _ in range(10)]
    assert np.abs(np.frombuffer(b"".join(heard), "<i2").astype(int)).max() <= 16


def test_g722_sends_as_many_octets_as_g711() -> None:
    assert len(codec_for(audio("G722", 16000)).encode(bytes(640))) == 160


def test_each_codec_has_a_rate_of_its_own() -> None:
    assert [native_rate(name) for name in ("PCMU", "PCMA", "G722", "opus")] == [
        8000,
        8000,
        16000,
        16000,
    ]


@NEEDS_OPUS
def test_a_lost_opus_frame_is_told_from_the_redundancy_of_the_next() -> None:
    pcm, encoder = tone(300, 1.0, sample_rate=16000), opus.Opus(16000, bitrate=32_000)
    packets = [encoder.encode(pcm[at : at + 640]) for at in range(0, len(pcm), 640)]
    decoder, heard = opus.Opus(16000), b""
    for number, packet in enumerate(packets):
        if number % 10 == 7:
            heard += decoder.conceal(320, packets[number + 1])
        else:
            heard += decoder.decode(packet)
    assert len(heard) == len(pcm)
    assert strength(heard[6400:], 300, sample_rate=16000) > 0.44


@NEEDS_OPUS
def test_opus_fades_out_when_nothing_follows() -> None:
    pcm, codec = tone(300, 0.4, sample_rate=16000), opus.Opus(16000)
    for at in range(0, len(pcm), 640):
        codec.decode(codec.encode(pcm[at : at + 640]))
    invented = [np.frombuffer(codec.conceal(320), "<i2").astype(int) for _ in range(20)]
    first, last = (np.abs(frame).max() for frame in (invented[0], invented[-1]))
    assert first > 4000
    assert last < first / 10


@NEEDS_OPUS
@pytest.mark.parametrize("payload", [b"\xff" * 7, b"\x03" + bytes(3), bytes([0x4B, 0xFF, 0xFF])])
def test_what_is_no_opus_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError, match="opus"):
        opus.Opus(16000).decode(payload)


@NEEDS_OPUS
def test_opus_refuses_a_rate_it_does_not_code_at() -> None:
    with pytest.raises(ValueError, match="11025"):
        opus.Opus(11025)


@NEEDS_OPUS
@pytest.mark.parametrize("bitrate", [12_000, 28_000, 64_000])
def test_opus_keeps_to_the_bitrate_that_it_is_given(bitrate: int) -> None:
    form = audio("opus", 16000)
    codec = codec_for(replace(form, opus=OpusTerms(bitrate=bitrate)))
    rng = np.random.default_rng(7)
    noise = rng.integers(-8000, 8000, 16000 * 2).astype("<i2").tobytes()
    sizes = [len(codec.encode(noise[at : at + 640])) for at in range(0, len(noise), 640)]
    assert 0.7 < sum(sizes) * 8 / 2 / bitrate < 1.3


@NEEDS_OPUS
@pytest.mark.parametrize(("one", "other"), [*itertools.permutations(("PCMU", "G722", "opus"), 2)])
def test_a_codec_that_changes_within_a_word_neither_clicks_nor_leaves_a_hole(
    one: str, other: str
) -> None:
    heard, said = bytearray(), tone(440, 1.0, sample_rate=16000)
    uplink = Uplink(audio(one, 16000), on_pcm=heard.extend, stats=StreamStats(), now=0.0)
    for number in range(50):
        form = audio(one if number < 25 else other, 16000)
        if number in (0, 25):
            codec = codec_for(form)
        if number == 25:
            uplink.reformat(form, 0.5)
        payload = codec.encode(said[640 * number : 640 * (number + 1)])
        at, timestamp = 0.02 * number + 0.001, number * form.timestamp_step
        uplink.receive(number, timestamp, 7, payload, at, marker=False)
    assert len(heard) == len(said)
    steps = np.abs(np.diff(np.frombuffer(heard, "<i2").astype(int)))
    assert steps[7500:8500].max() < 1.3 * steps[5000:7500].max()
