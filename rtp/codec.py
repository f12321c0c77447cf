"""PCM to payload and back: the only door to codec libraries.

    PCMU, PCMA    audioop, which leaves the standard library with Python 3.13 and comes back as
                  `audioop-lts` under the same name
    G722          the package G722, a binding of libg722
    opus          libopus, see `rtp.opus`

A codec has a rate of its own. Where the stream's PCM has another, it is resampled here, so that
nothing else in the package sees two rates.
"""

import array
import warnings
from typing import Final, Protocol

from G722 import G722 as LibG722  # noqa: N811 -- the class has the codec's name

from rtp import opus
from rtp.conceal import Concealer, Concealment
from rtp.format import Format
from rtp.resample import Resampler

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

__all__ = [
    "ENCODINGS",
    "Codec",
    "added",
    "amplified",
    "are_interchangeable",
    "codec_for",
    "concealment_for",
    "native_rate",
    "peak",
]


class Codec(Protocol):
    """One codec instance for one stream; it may carry state from frame to frame."""

    def encode(self, pcm: bytes) -> bytes:
        """The payload for one frame of s16le mono PCM."""

    def encode_silence(self, samples: int) -> bytes:
        """The payload for `samples` of silence; empty where nothing need be sent."""

    def decode(self, payload: bytes) -> bytes:
        """The s16le mono PCM of one payload. Raises ValueError when it is not this codec's."""


class Pcmu:
    """G.711 mu-law, one octet a sample (RFC 3551 section 4.5.14)."""

    _ZERO = b"\xff"

    def encode(self, pcm: bytes) -> bytes:
        return audioop.lin2ulaw(pcm, 2)

    def encode_silence(self, samples: int) -> bytes:
        return self._ZERO * samples

    def decode(self, payload: bytes) -> bytes:
        return audioop.ulaw2lin(payload, 2)


class Pcma:
    """G.711 A-law, one octet a sample (RFC 3551 section 4.5.14)."""

    _ZERO = b"\xd5"

    def encode(self, pcm: bytes) -> bytes:
        return audioop.lin2alaw(pcm, 2)

    def encode_silence(self, samples: int) -> bytes:
        return self._ZERO * samples

    def decode(self, payload: bytes) -> bytes:
        return audioop.alaw2lin(payload, 2)


class G722:
    """G.722 at 64 kbit/s: 16 kHz of audio in as many octets as G.711 (RFC 3551 section 4.5.2)."""

    def __init__(self) -> None:
        self._encoder = LibG722(16000, 64000)
        self._decoder = LibG722(16000, 64000)

    def encode(self, pcm: bytes) -> bytes:
        encoded: bytes = self._encoder.encode(array.array("h", pcm))
        return encoded

    def encode_silence(self, samples: int) -> bytes:
        return self.encode(bytes(2 * samples))

    def decode(self, payload: bytes) -> bytes:
        decoded: bytes = self._decoder.decode(payload).tobytes()
        return decoded


class Resampled:
    """A codec whose stream has PCM of another rate than its own."""

    def __init__(self, codec: Codec, *, native: int, rate: int) -> None:
        self.native = codec
        self._down = Resampler(rate, native)
        self._up = Resampler(native, rate)

    def encode(self, pcm: bytes) -> bytes:
        return self.native.encode(self._down.convert(pcm))

    def encode_silence(self, samples: int) -> bytes:
        return self.encode(bytes(2 * samples))

    def decode(self, payload: bytes) -> bytes:
        return self._up.convert(self.native.decode(payload))


_NATIVE_RATES = {"PCMU": 8000, "PCMA": 8000, "G722": 16000, "OPUS": 16000}
_FIXED: dict[str, type[Pcmu] | type[Pcma] | type[G722]] = {
    "PCMU": Pcmu,
    "PCMA": Pcma,
    "G722": G722,
}

ENCODINGS: Final = tuple(name for name in _NATIVE_RATES if name != "OPUS" or opus.available())
"""Encoding names that this package can carry here."""


def native_rate(encoding: str) -> int:
    """The rate (Hz) at which `encoding` needs no resampling. Raises ValueError when unknown."""
    try:
        return _NATIVE_RATES[encoding.upper()]
    except KeyError:
        raise ValueError(f"no codec for {encoding!r}") from None


def are_interchangeable(one: Format, other: Format) -> bool:
    """Whether nothing is heard where speech goes on from one format to the other."""
    return (_is_memoryless(one) and _is_memoryless(other)) or one.coding == other.coding


def _is_memoryless(audio: Format) -> bool:
    """Whether each sample is coded by itself: G.711 at its own rate."""
    encoding = audio.encoding.upper()
    return encoding in ("PCMU", "PCMA") and audio.sample_rate == native_rate(encoding)


def codec_for(audio: Format) -> Codec:
    """A fresh codec for this format. Raises ValueError when it cannot be had."""
    encoding, rate = audio.encoding.upper(), audio.sample_rate
    native = native_rate(encoding)
    if encoding == "OPUS":
        terms = audio.opus
        return opus.Opus(
            rate,
            bitrate=terms.bitrate,
            complexity=terms.complexity,
            dtx=terms.dtx,
            redundancy=terms.redundancy,
        )
    codec = _FIXED[encoding]()
    return codec if rate == native else Resampled(codec, native=native, rate=rate)


def concealment_for(codec: Codec, sample_rate: int) -> Concealment:
    """What fills the gaps in what `codec` decodes to PCM of `sample_rate`.

    Opus has its own. G.722 has the waveform's, as G.711 has, but goes by the past alone: its
    decoder, with the state it had before the gap, needs milliseconds to find back after it, and a
    gap led up to those sounds worse. Encoding the invented frame for the decoder to hear, or
    decoding what follows twice, was tried and gained nothing either (`make impair`).
    """
    if isinstance(codec, opus.Opus):
        return opus.OpusConcealer(codec)
    native = codec.native if isinstance(codec, Resampled) else codec
    return Concealer(sample_rate, past_only=isinstance(native, G722))


def amplified(pcm: bytes, factor: float) -> bytes:
    """s16le PCM, louder or quieter by `factor`, clipped."""
    return audioop.mul(pcm, 2, factor)


def peak(pcm: bytes) -> int:
    """The largest magnitude in s16le PCM, 0 to 32768."""
    return audioop.max(pcm, 2)


def added(pcm: bytes, other: bytes) -> bytes:
    """The sum of two pieces of s16le PCM of the same size, clipped."""
    return audioop.add(pcm, other, 2)


def loudness(pcm: bytes) -> int:
    """The root mean square of s16le PCM, 0 to 32768."""
    return audioop.rms(pcm, 2)
