"""PCM to payload and back: the only door to a codec library.

G.711 is computed by `audioop`, which leaves the standard library with Python 3.13 and comes back
as `audioop-lts` under the same name.
"""

import warnings
from typing import Protocol

from rtp.format import Format

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

__all__ = ["ENCODINGS", "Codec", "codec_for", "peak"]


class Codec(Protocol):
    """One codec instance for one stream; it may carry state from frame to frame."""

    def encode(self, pcm: bytes) -> bytes:
        """The payload for one frame of s16le mono PCM."""

    def encode_silence(self, samples: int) -> bytes:
        """The payload for `samples` of silence."""

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


_CODECS: dict[str, type[Pcmu] | type[Pcma]] = {"PCMU": Pcmu, "PCMA": Pcma}

ENCODINGS = tuple(_CODECS)
"""Encoding names this package can carry."""


def codec_for(audio: Format) -> Codec:
    """A fresh codec for this format. Raises ValueError when the encoding is not known here."""
    try:
        return _CODECS[audio.encoding.upper()]()
    except KeyError:
        raise ValueError(f"no codec for {audio.encoding!r}") from None


def peak(pcm: bytes) -> int:
    """The largest magnitude in s16le PCM, 0 to 32768."""
    return audioop.max(pcm, 2)
