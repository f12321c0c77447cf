import numpy as np
import pytest

from rtp.codec import codec_for, peak
from rtp.format import Format


def audio(encoding: str) -> Format:
    return Format(encoding=encoding, payload_type=0, clock_rate=8000, sample_rate=8000)


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_every_octet_decodes_and_encodes_back_to_the_same_sound(encoding: str) -> None:
    codec = codec_for(audio(encoding))
    pcm = codec.decode(bytes(range(256)))
    assert codec.decode(codec.encode(pcm)) == pcm


@pytest.mark.parametrize(
    ("encoding", "octet", "sample"), [("PCMU", 0x00, -32124), ("PCMA", 0x2A, -32256)]
)
def test_g711_follows_its_table(encoding: str, octet: int, sample: int) -> None:
    pcm = codec_for(audio(encoding)).decode(bytes([octet]))
    assert np.frombuffer(pcm, "<i2").tolist() == [sample]


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_ready_made_silence_is_what_encoding_silence_gives(encoding: str) -> None:
    codec = codec_for(audio(encoding))
    assert codec.encode_silence(160) == codec.encode(bytes(320))


def test_encoding_names_know_no_case() -> None:
    assert codec_for(audio("pcmu")).encode_silence(1) == b"\xff"


def test_an_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="GSM"):
        codec_for(audio("GSM"))


def test_the_peak_is_the_largest_magnitude_of_either_sign() -> None:
    assert peak(np.array([3, -500, 499], "<i2").tobytes()) == 500
